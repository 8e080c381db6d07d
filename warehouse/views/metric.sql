-- Grain: a metric and side of each trial's current run. Where the value is not known it is null and has a reason.
CREATE OR REPLACE VIEW metric AS
SELECT
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    fact.metric,
    fact.side,
    if(isfinite(fact.value), fact.value, NULL) AS value,
    fact.unit,
    if(isfinite(fact.sd), fact.sd, NULL) AS sd,
    fact.reason,
    release.name AS release
FROM metric_of_every_run AS fact
JOIN trial_manifest AS described ON described.current_run_number = fact.run_number
JOIN session USING (session_id)
LEFT JOIN release ON release.release_id = described.current_release_id;
