-- Trials whose current runs were loaded on one day, the newest first: what a night stored.
-- Grain: a trial.
-- day: date, in UTC, or last for the last day with loads = last
-- Example: --param day=2026-11-25
WITH loaded AS (
    SELECT run_number, max(make_timestamp(epoch_us(loaded_at))) AS loaded_at_utc
    FROM load_record
    GROUP BY run_number
)

SELECT
    loaded.loaded_at_utc,
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    trial.session_date,
    trial.frames,
    quality.value AS mean_quality
FROM loaded
JOIN trial USING (run_number)
LEFT JOIN quality ON quality.trial_id = trial.trial_id AND quality.name = 'mean_quality'
WHERE
    loaded_at_utc::DATE
    = coalesce(try_cast($day AS DATE), (SELECT max(loaded_at_utc)::DATE FROM loaded JOIN trial USING (run_number)))
ORDER BY loaded_at_utc DESC, trial.trial_id;
