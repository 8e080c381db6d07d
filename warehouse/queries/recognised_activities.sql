-- Trials whose manifest names no activity, or one that the motion surely is not, with what the motion most looks like, the
--   surest first.
-- Grain: a trial of the activity other, or of one that its motion contradicts.
-- Note: probability is how sure that is, of 1; other is a motion that is none of the activities. Events, cycles and metrics
--   come once session.toml names the right activity. No probability is known where positions are not, as of a camera that
--   moves, or where an earlier version measured the trial.
-- Empty: no trial has the activity other, or contradicts its own.
-- team: one of trial.team_id = any
-- trial: one of trial.trial_id = any
-- Example: --param team=blue
WITH likely AS (
    SELECT
        trial_id,
        replace(name, 'activity_probability_', '') AS activity,
        value AS probability,
        row_number() OVER (PARTITION BY trial_id ORDER BY value DESC, name) AS place
    FROM quality
    WHERE starts_with(name, 'activity_probability_') AND $trial IN (trial_id, 'any')
)

SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.session_date,
    trial.activity,
    likeliest.activity AS recognised,
    likeliest.probability,
    following.activity AS or_else,
    following.probability AS or_else_probability,
    CASE
        WHEN likeliest.activity IS NULL THEN 'not known'
        WHEN likeliest.activity = 'other' THEN 'none of the activities'
        WHEN likeliest.probability >= 0.8 THEN format('set activity = "{}" in session.toml', likeliest.activity)
        ELSE 'not sure; look at it'
    END AS judgement
FROM trial
LEFT JOIN likely AS likeliest ON likeliest.trial_id = trial.trial_id AND likeliest.place = 1
LEFT JOIN likely AS following ON following.trial_id = trial.trial_id AND following.place = 2
WHERE
    (trial.activity = 'other' OR trial.run_number IN (FROM contradicted_run))
    AND $team IN (trial.team_id, 'any')
    AND $trial IN (trial.trial_id, 'any')
ORDER BY likeliest.probability DESC NULLS LAST, trial.trial_id;
