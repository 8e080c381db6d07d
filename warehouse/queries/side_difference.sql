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
WITH measured AS (
    SELECT
        left_side.athlete_id,
        left_side.metric,
        left_side.activity,
        trial.method,
        trial.camera,
        trial.release,
        left_side.value AS left_value,
        right_side.value AS right_value,
        left_side.sd * left_side.sd + right_side.sd * right_side.sd AS variance,
        left_side.unit
    FROM metric AS left_side
    JOIN metric AS right_side ON right_side.trial_id = left_side.trial_id AND right_side.metric = left_side.metric
    JOIN trial ON trial.trial_id = left_side.trial_id
    WHERE
        left_side.side = 'left'
        AND right_side.side = 'right'
        AND left_side.value IS NOT NULL
        AND right_side.value IS NOT NULL
        AND $metric IN (left_side.metric, 'any')
        AND $activity IN (left_side.activity, 'any')
        AND $team IN (left_side.team_id, 'any')
        AND $athlete IN (left_side.athlete_id, 'any')
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
        sqrt(avg(variance)) AS difference_sd,
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
