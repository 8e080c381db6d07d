-- Grain: the current run of each trial, and what every fact of it is shown with: trial, team, session, athlete, activity.
-- The method that measured it is a column of trial and phase.
CREATE OR REPLACE VIEW current_run AS
SELECT
    described.current_run_number AS run_number,
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    run.method
FROM trial_manifest AS described
JOIN session USING (session_id)
JOIN run ON run.run_number = described.current_run_number
WHERE described.current_run_number IS NOT NULL;
