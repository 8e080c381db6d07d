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
        metric.athlete_id,
        metric.metric,
        metric.activity,
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
    GROUP BY metric.trial_id, metric.athlete_id, metric.metric, metric.activity
),

compared AS (
    SELECT
        sided.athlete_id,
        sided.metric,
        sided.activity,
        trial.method,
        avg(left_value) AS left_value,
        avg(right_value) AS right_value,
        avg(sided.left_value - sided.right_value) AS difference,
        sqrt(avg(variance) FILTER (known_sds = 2)) AS difference_sd,
        stddev_samp(sided.left_value - sided.right_value) AS sd_between_trials,
        count(*) AS trials,
        string_agg(DISTINCT trial.camera, ', ' ORDER BY trial.camera) AS cameras,
        string_agg(DISTINCT trial.release, ', ' ORDER BY trial.release) AS releases,
        any_value(sided.unit) AS unit
    FROM sided
    JOIN trial USING (trial_id)
    WHERE sided.left_value IS NOT NULL AND sided.right_value IS NOT NULL
    GROUP BY sided.athlete_id, sided.metric, sided.activity, trial.method
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
ORDER BY metric, activity, abs(difference) DESC, athlete_id, method;
