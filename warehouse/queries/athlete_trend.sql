-- One metric of one athlete, month by month.
-- Grain: a month, activity and side.
-- Note: measurement_sd is the measurement's own standard deviation, as if the trials of a month shared their errors.
--   releases are those that measured the trials, and release_changed that they are others than in the month before.
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
    any_value(unit) AS unit,
    string_agg(DISTINCT release, ', ' ORDER BY release) AS releases,
    coalesce(releases <> lag(releases) OVER (PARTITION BY activity, side ORDER BY month), false) AS release_changed
FROM metric
WHERE athlete_id = $athlete AND metric = $metric AND value IS NOT NULL
GROUP BY month, activity, side
ORDER BY activity, side, month;
