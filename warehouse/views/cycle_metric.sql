-- Grain: a metric and side of a cycle of each trial's current run: a stride of either side, a jump, a repetition.
CREATE OR REPLACE VIEW cycle_metric AS
SELECT * EXCLUDE (run_number, method)
FROM current_run
JOIN cycle_metric_of_every_run USING (run_number);
