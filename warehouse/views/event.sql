-- Grain: an event of each trial's current run.
CREATE OR REPLACE VIEW event AS
SELECT
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    fact.* EXCLUDE (run_number)
FROM event_of_every_run AS fact
JOIN trial_manifest AS described ON described.current_run_number = fact.run_number
JOIN session USING (session_id);
