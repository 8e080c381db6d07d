-- Grain: a metric and side of each trial's current run. Where the value is not known it is null and has a reason.
CREATE OR REPLACE VIEW metric AS
SELECT * EXCLUDE (run_number, method) REPLACE (if(isfinite(value), value, NULL) AS value, if(isfinite(sd), sd, NULL) AS sd)
FROM current_run
JOIN metric_of_every_run USING (run_number);
