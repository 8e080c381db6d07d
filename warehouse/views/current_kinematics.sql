-- Grain: a frame of each trial's current run.
CREATE OR REPLACE VIEW current_kinematics AS
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    session.session_date,
    kinematics.* EXCLUDE (run_number)
FROM kinematics
JOIN trial ON trial.current_run_number = kinematics.run_number
JOIN session USING (session_id);
