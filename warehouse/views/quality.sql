-- Grain: a quality metric of each trial's current run.
CREATE OR REPLACE VIEW quality AS
SELECT
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    fact.name,
    if(isfinite(fact.value), fact.value, NULL) AS value,
    fact.unit
FROM quality_of_every_run AS fact
JOIN trial_manifest AS described ON described.current_run_number = fact.run_number
JOIN session USING (session_id);
