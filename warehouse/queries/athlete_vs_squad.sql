-- Each metric of one athlete against the other athletes of the team: where in their distribution each activity and side lies.
-- Grain: a metric, activity, side and method of measuring, the same for all.
-- Note: the percentile counts those below and half of those equal; percentile_low and percentile_high are those of the mean
--   less and plus 1.96 of the measurement's own standard deviation, constant_sd of metric included: the anatomical frames'
--   error differs from person to person. The robust z is the distance from the others' median in
--   1.4826 median absolute deviations, squad_robust_sd. With fewer than least_athletes others these five are null. The
--   judgement is of the distance from the others' median, which is within measurement noise up to 1.96 measurement_sd: a
--   squad whose athletes differ by less than the measurement errs has large robust z that mean nothing.
--   cameras and releases are those of all trials that are compared.
--   release_differs: some of the others were measured with other releases, as during a canary (release_offsets).
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- least_athletes: whole number, 2 or more, besides the athlete = 5
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
WITH squad AS (
    SELECT
        metric.athlete_id,
        metric.metric,
        metric.activity,
        metric.side,
        trial.method,
        avg(metric.value) AS mean_value,
        sqrt(avg(metric.sd * metric.sd)) AS measurement_sd,
        count(*) AS trials,
        list(DISTINCT trial.camera) AS cameras,
        list(DISTINCT trial.release ORDER BY trial.release) AS releases,
        any_value(metric.unit) AS unit
    FROM metric
    JOIN trial USING (trial_id)
    WHERE
        $metric IN (metric.metric, 'any')
        AND $activity IN (metric.activity, 'any')
        AND metric.value IS NOT NULL
        AND metric.team_id = (SELECT team_id FROM athlete WHERE athlete_id = $athlete)
    GROUP BY metric.athlete_id, metric.metric, metric.activity, metric.side, trial.method
),

one AS (
    SELECT * FROM squad WHERE athlete_id = $athlete
),

compared AS (
    SELECT
        one.metric,
        one.activity,
        one.side,
        one.method,
        one.mean_value,
        one.measurement_sd,
        one.trials,
        one.unit,
        distinct_names(any_value(one.cameras) || coalesce(flatten(list(others.cameras)), [])) AS cameras,
        distinct_names(any_value(one.releases) || coalesce(flatten(list(others.releases)), [])) AS releases,
        count(others.mean_value) AS other_athletes,
        median(others.mean_value) AS squad_median,
        1.4826 * mad(others.mean_value) AS squad_robust_sd,
        avg(CASE WHEN others.mean_value < one.mean_value THEN 100 WHEN others.mean_value = one.mean_value THEN 50 ELSE 0 END)
            AS percentile,
        avg(if(others.mean_value < one.mean_value - 1.96 * one.measurement_sd, 100, 0)) AS percentile_low,
        avg(if(others.mean_value <= one.mean_value + 1.96 * one.measurement_sd, 100, 0)) AS percentile_high,
        coalesce(bool_or(others.releases <> one.releases), false) AS release_differs
    FROM one
    LEFT JOIN squad AS others
        ON
        others.athlete_id <> one.athlete_id
        AND others.metric = one.metric
        AND others.activity = one.activity
        AND others.side = one.side
        AND others.method = one.method
    GROUP BY
        one.metric, one.activity, one.side, one.method, one.mean_value, one.measurement_sd, one.trials, one.unit
)

SELECT
    metric,
    activity,
    side,
    method,
    mean_value,
    measurement_sd,
    squad_median,
    CASE WHEN is_enough THEN squad_robust_sd END AS squad_robust_sd,
    CASE WHEN is_enough THEN percentile END AS percentile,
    CASE WHEN is_enough AND measurement_sd IS NOT NULL THEN percentile_low END AS percentile_low,
    CASE WHEN is_enough AND measurement_sd IS NOT NULL THEN percentile_high END AS percentile_high,
    CASE WHEN is_enough THEN (mean_value - squad_median) / nullif(squad_robust_sd, 0) END AS robust_z,
    CASE
        WHEN NOT is_enough THEN 'not enough athletes'
        WHEN measurement_sd IS NULL THEN 'deviation not known'
        WHEN abs(mean_value - squad_median) > 1.96 * measurement_sd THEN 'beyond measurement noise'
        ELSE 'within measurement noise'
    END AS judgement,
    other_athletes,
    trials,
    cameras,
    releases,
    unit,
    release_differs
FROM (SELECT *, other_athletes >= $least_athletes::INTEGER AS is_enough FROM compared)
ORDER BY metric, activity, side, method;
