-- Metrics that are not known, the reason, and in how many trials.
-- Grain: an athlete, activity, metric, side and reason.
-- athlete: one of trial.athlete_id, such as blue/ann = any
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- Example: --param athlete=blue/ann
SELECT
    athlete_id,
    activity,
    metric,
    side,
    coalesce(reason, 'no reason is recorded') AS reason,
    count(*) AS trials,
    max(session_date) AS last_session
FROM metric
WHERE
    value IS NULL
    AND $athlete IN (athlete_id, 'any')
    AND $activity IN (activity, 'any')
    AND $team IN (team_id, 'any')
GROUP BY athlete_id, activity, metric, side, reason
ORDER BY athlete_id, activity, metric, side, reason;
