-- One metric of one athlete, month by month.
-- Grain: a month, activity and side.
-- Note: measurement_sd is the measurement's own standard deviation, as if the trials of a month shared their errors.
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as jump_height_flight
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
SELECT
    date_trunc('month', session_date)::DATE AS month,
    activity,
    side,
    avg(value) AS mean_value,
    sqrt(avg(sd * sd)) AS measurement_sd,
    stddev_samp(value) AS sd_between_trials,
    count(*) AS trials,
    any_value(unit) AS unit
FROM metric
WHERE athlete_id = $athlete AND metric = $metric AND value IS NOT NULL
GROUP BY ALL
ORDER BY activity, side, month;
