-- Grain: a quality metric of each trial's current run.
CREATE OR REPLACE VIEW quality AS
SELECT * EXCLUDE (run_number, method) REPLACE (if(isfinite(value), value, NULL) AS value)
FROM current_run
JOIN quality_of_every_run USING (run_number);
