-- One metric of one athlete against the squad: where in the squad's distribution each activity and side lies.
-- athlete: team/athlete
-- metric: name, such as knee_flexion_peak
WITH squad AS (
    SELECT athlete_id, activity, side, avg(value) AS mean_value, any_value(unit) AS unit, count(*) AS trials
    FROM current_metric
    WHERE metric = $metric AND split_part(athlete_id, '/', 1) = split_part($athlete, '/', 1)
    GROUP BY athlete_id, activity, side
),

ranked AS (
    SELECT
        *,
        avg(mean_value) OVER squad_of_kind AS squad_mean,
        stddev_samp(mean_value) OVER squad_of_kind AS squad_sd,
        percent_rank() OVER (PARTITION BY activity, side ORDER BY mean_value) AS squad_percentile,
        count(*) OVER squad_of_kind AS athletes
    FROM squad
    WINDOW squad_of_kind AS (PARTITION BY activity, side)
)

SELECT
    activity,
    side,
    mean_value,
    squad_mean,
    squad_sd,
    100 * squad_percentile AS squad_percentile,
    athletes,
    trials,
    unit
FROM ranked
WHERE athlete_id = $athlete
ORDER BY activity, side;
