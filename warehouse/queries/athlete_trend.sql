-- One metric of one athlete, month by month.
-- Grain: a month, activity, side and method of measuring.
-- Note: measurement_sd is the measurement's own standard deviation, as if the trials of a month shared their errors;
--   constant_sd of metric, which is the same in every month, is in it: change_over_time judges changes without it.
--   cameras and releases are those of its trials: where they change, so may the numbers; release_changed: the releases are
--   others than in the month before.
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as jump_height_flight
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
SELECT
    date_trunc('month', metric.session_date)::DATE AS month,
    metric.activity,
    metric.side,
    trial.method,
    avg(metric.value) AS mean_value,
    sqrt(avg(metric.sd * metric.sd)) AS measurement_sd,
    stddev_samp(metric.value) AS sd_between_trials,
    count(*) AS trials,
    distinct_names(list(trial.camera)) AS cameras,
    distinct_names(list(trial.release)) AS releases,
    coalesce(
        releases <> lag(releases) OVER (PARTITION BY metric.activity, metric.side, trial.method ORDER BY month), false
    ) AS release_changed,
    any_value(metric.unit) AS unit
FROM metric
JOIN trial USING (trial_id)
WHERE metric.athlete_id = $athlete AND metric.metric = $metric AND metric.value IS NOT NULL
GROUP BY month, metric.activity, metric.side, trial.method
ORDER BY metric.activity, metric.side, trial.method, month;
