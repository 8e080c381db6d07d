-- Grain: an event of each trial's current run.
CREATE OR REPLACE VIEW event AS
SELECT * EXCLUDE (run_number, method)
FROM current_run
JOIN event_of_every_run USING (run_number);
