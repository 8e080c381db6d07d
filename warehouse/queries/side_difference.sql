-- Left against right: each athlete's asymmetry in a metric and activity, the largest of each first.
-- Grain: a metric, activity, athlete and method of measuring.
-- Note: over trials that have both sides. difference_sd is the measurement's own, as if an athlete's trials shared their
--   errors and the sides did not. The error of the anatomical frames, constant_sd of metric, is not in it: bodies are
--   symmetric, so both sides err alike and it cancels. A difference is beyond measurement noise where it exceeds 1.96 of
--   difference_sd. With fewer than least_trials there is no judgement. cameras and releases are those of the trials.
-- metric: one of metric.metric, such as knee_flexion_range = any
-- activity: one of trial.activity, such as countermovement_jump = any
-- team: one of trial.team_id = any
-- athlete: one of trial.athlete_id = any
-- least_trials: whole number, 1 or more = 3
-- Example: --param metric=knee_flexion_range --param activity=countermovement_jump
WITH chosen AS (
    SELECT
        run_number,
        athlete_id,
        activity,
        method,
        camera,
        release,
        -- Groups of millions of rows are found faster by a number than by names.
        (dense_rank() OVER (ORDER BY athlete_id, activity, method))::INTEGER AS athlete_number,
        (dense_rank() OVER (ORDER BY athlete_id, activity, method, camera, release))::INTEGER AS recording_number
    FROM trial
    WHERE
        $activity IN (activity, 'any')
        AND $team IN (team_id, 'any')
        AND $athlete IN (athlete_id, 'any')
),

measured AS (
    SELECT
        athlete_number,
        recording_number,
        left_side.metric,
        left_side.value AS left_value,
        right_side.value AS right_value,
        -- Both sides err alike by constant_sd.
        left_side.sd * left_side.sd - coalesce(left_side.constant_sd, 0) ** 2
        + right_side.sd * right_side.sd - coalesce(right_side.constant_sd, 0) ** 2 AS variance,
        left_side.unit
    FROM chosen
    JOIN metric_of_every_run AS left_side USING (run_number)
    JOIN metric_of_every_run AS right_side
        ON right_side.run_number = chosen.run_number AND right_side.metric = left_side.metric
    WHERE
        left_side.side = 'left'
        AND right_side.side = 'right'
        AND isfinite(left_side.value)
        AND isfinite(right_side.value)
        AND $metric IN (left_side.metric, 'any')
),

recorded AS (
    SELECT
        metric,
        athlete_number,
        distinct_names(list(camera)) AS cameras,
        distinct_names(list(release)) AS releases
    FROM (SELECT DISTINCT metric, recording_number FROM measured)
    JOIN (SELECT DISTINCT recording_number, athlete_number, camera, release FROM chosen) USING (recording_number)
    GROUP BY metric, athlete_number
),

compared AS (
    SELECT
        metric,
        athlete_number,
        avg(left_value) AS left_value,
        avg(right_value) AS right_value,
        avg(measured.left_value - measured.right_value) AS difference,
        sqrt(avg(variance) FILTER (isfinite(variance))) AS difference_sd,
        stddev_samp(measured.left_value - measured.right_value) AS sd_between_trials,
        count(*) AS trials,
        any_value(unit) AS unit
    FROM measured
    GROUP BY metric, athlete_number
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
JOIN recorded USING (metric, athlete_number)
JOIN (SELECT DISTINCT athlete_number, athlete_id, activity, method FROM chosen) USING (athlete_number)
ORDER BY metric, activity, abs(difference) DESC, athlete_id, method;
