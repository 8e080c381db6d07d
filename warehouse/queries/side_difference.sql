-- Left against right: each athlete's asymmetry in a metric and activity, the largest of each first.
-- Grain: a metric, activity, athlete and method of measuring.
-- Note: over trials that have both sides. difference_sd is the measurement's own, as if an athlete's trials shared their
--   errors and the sides did not; a difference is beyond measurement noise where it exceeds 1.96 of it. With fewer than
--   least_trials there is no judgement. cameras and releases are those of the trials.
-- metric: one of metric.metric, such as knee_flexion_range = any
-- activity: one of trial.activity, such as countermovement_jump = any
-- team: one of trial.team_id = any
-- athlete: one of trial.athlete_id = any
-- least_trials: whole number, 1 or more = 3
-- Example: --param metric=knee_flexion_range --param activity=countermovement_jump
WITH sided AS (
    SELECT
        metric.trial_id,
        metric.metric,
        any_value(metric.athlete_id) AS athlete_id,
        any_value(metric.activity) AS activity,
        max(metric.value) FILTER (metric.side = 'left') AS left_value,
        max(metric.value) FILTER (metric.side = 'right') AS right_value,
        sum(metric.sd * metric.sd) FILTER (metric.side IN ('left', 'right')) AS variance,
        count(metric.sd) FILTER (metric.side IN ('left', 'right')) AS known_sds,
        any_value(metric.unit) AS unit
    FROM metric
    WHERE
        $metric IN (metric.metric, 'any')
        AND $activity IN (metric.activity, 'any')
        AND $team IN (metric.team_id, 'any')
        AND $athlete IN (metric.athlete_id, 'any')
    GROUP BY metric.trial_id, metric.metric
),

measured AS (
    SELECT sided.* EXCLUDE (trial_id), trial.method, trial.camera, trial.release
    FROM sided
    JOIN trial USING (trial_id)
    WHERE sided.left_value IS NOT NULL AND sided.right_value IS NOT NULL
),

-- DISTINCT within an aggregate would group all rows once more for each: here they are few.
recorded AS (
    SELECT DISTINCT athlete_id, metric, activity, method, camera, release FROM measured
),

recorded_with AS (
    SELECT
        athlete_id,
        metric,
        activity,
        method,
        array_to_string(list_sort(list_distinct(list(camera))), ', ') AS cameras,
        array_to_string(list_sort(list_distinct(list(release))), ', ') AS releases
    FROM recorded
    GROUP BY athlete_id, metric, activity, method
),

compared AS (
    SELECT
        athlete_id,
        metric,
        activity,
        method,
        avg(left_value) AS left_value,
        avg(right_value) AS right_value,
        avg(measured.left_value - measured.right_value) AS difference,
        sqrt(avg(variance) FILTER (known_sds = 2)) AS difference_sd,
        stddev_samp(measured.left_value - measured.right_value) AS sd_between_trials,
        count(*) AS trials,
        any_value(unit) AS unit
    FROM measured
    GROUP BY athlete_id, metric, activity, method
)

SELECT
    metric,
    activity,
    athlete_id,
    method,
    left_value,
    right_value,
    difference,
    difference_sd,
    sd_between_trials,
    100 * difference / nullif((abs(left_value) + abs(right_value)) / 2, 0) AS difference_percent,
    CASE
        WHEN trials < $least_trials::INTEGER THEN 'not enough trials'
        WHEN difference_sd IS NULL THEN 'deviation not known'
        WHEN abs(difference) > 1.96 * difference_sd THEN 'beyond measurement noise'
        ELSE 'within measurement noise'
    END AS judgement,
    trials,
    cameras,
    releases,
    unit
FROM compared
JOIN recorded_with USING (athlete_id, metric, activity, method)
ORDER BY metric, activity, abs(difference) DESC, athlete_id, method;
