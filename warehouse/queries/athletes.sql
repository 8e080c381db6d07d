-- Athletes who have trials: sessions, trials, the last session, and the mean quality of their trials.
-- Grain: an athlete.
-- team: one of trial.team_id = any
-- activity: one of trial.activity = any
SELECT
    trial.athlete_id,
    trial.team_id,
    count(DISTINCT trial.session_id) AS sessions,
    count(*) AS trials,
    min(trial.session_date) AS first_session,
    max(trial.session_date) AS last_session,
    avg(quality.value) AS mean_quality,
    distinct_names(list(trial.method)) AS methods
FROM trial
LEFT JOIN quality ON quality.trial_id = trial.trial_id AND quality.name = 'mean_quality'
WHERE $team IN (trial.team_id, 'any') AND $activity IN (trial.activity, 'any')
GROUP BY trial.athlete_id, trial.team_id
ORDER BY trial.athlete_id;
