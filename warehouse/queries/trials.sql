-- Every trial with its current run: athlete, activity, date, duration and quality.
-- Grain: a trial.
-- team: one of trial.team_id = any
-- athlete: one of trial.athlete_id = any
-- activity: one of trial.activity = any
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    trial.session_date,
    trial.recording,
    trial.method,
    trial.frames,
    round(trial.duration_s, 2) AS duration_s,
    round(quality.value, 3) AS mean_quality
FROM trial
LEFT JOIN quality ON quality.trial_id = trial.trial_id AND quality.name = 'mean_quality'
WHERE
    $team IN (trial.team_id, 'any')
    AND $athlete IN (trial.athlete_id, 'any')
    AND $activity IN (trial.activity, 'any')
ORDER BY trial.session_date, trial.trial_id;
