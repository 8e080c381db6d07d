-- Grain: a quality metric of each trial's current run.
CREATE OR REPLACE VIEW current_quality AS
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    session.session_date,
    quality.* EXCLUDE (run_number)
FROM quality
JOIN trial ON trial.current_run_number = quality.run_number
JOIN session USING (session_id);
