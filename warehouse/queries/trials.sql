-- Every trial with its current run: athlete, activity, date, duration and quality.
-- Grain: a trial.
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
ORDER BY trial.session_date, trial.trial_id;
