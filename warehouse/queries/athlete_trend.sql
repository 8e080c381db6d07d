-- One metric of one athlete, month by month.
-- athlete: team/athlete
-- metric: name, such as jump_height_flight
SELECT
    date_trunc('month', session_date)::DATE AS month,
    activity,
    side,
    avg(value) AS mean_value,
    stddev_samp(value) AS sd_between_trials,
    count(*) AS trials,
    any_value(unit) AS unit
FROM current_metric
WHERE athlete_id = $athlete AND metric = $metric
GROUP BY ALL
ORDER BY activity, side, month;
