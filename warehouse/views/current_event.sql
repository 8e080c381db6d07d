-- Grain: an event of each trial's current run.
CREATE OR REPLACE VIEW current_event AS
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    session.session_date,
    event.* EXCLUDE (run_number)
FROM event
JOIN trial ON trial.current_run_number = event.run_number
JOIN session USING (session_id);
