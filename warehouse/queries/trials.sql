-- Every trial with its current run: athlete, activity, date, duration and quality.
SELECT
    trial.trial_id,
    athlete_id,
    activity,
    session_date,
    frames,
    round(last_time_s - first_time_s, 2) AS duration_s,
    round(value, 3) AS mean_quality
FROM trial
JOIN session USING (session_id)
JOIN run ON run_number = current_run_number
LEFT JOIN quality ON quality.run_number = current_run_number AND quality.name = 'mean_quality'
ORDER BY session_date, trial.trial_id;
