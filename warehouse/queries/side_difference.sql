-- Left against right in one metric: each athlete's asymmetry in an activity, the largest first.
-- metric: name, such as knee_flexion_range
-- activity: one of the manifest's, such as countermovement_jump
WITH sides AS (
    SELECT
        athlete_id,
        avg(value) FILTER (side = 'left') AS left_value,
        avg(value) FILTER (side = 'right') AS right_value,
        any_value(unit) AS unit,
        count(DISTINCT trial_id) AS trials
    FROM current_metric
    WHERE metric = $metric AND activity = $activity
    GROUP BY athlete_id
)

SELECT
    athlete_id,
    left_value,
    right_value,
    left_value - right_value AS difference,
    100 * (left_value - right_value) / nullif((abs(left_value) + abs(right_value)) / 2, 0) AS difference_percent,
    unit,
    trials
FROM sides
WHERE left_value IS NOT NULL AND right_value IS NOT NULL
ORDER BY abs(difference) DESC, athlete_id;
