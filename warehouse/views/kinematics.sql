-- Grain: a frame of each trial's current run.
CREATE OR REPLACE VIEW kinematics AS
SELECT * EXCLUDE (run_number, method)
FROM current_run
JOIN kinematics_of_every_run USING (run_number);
