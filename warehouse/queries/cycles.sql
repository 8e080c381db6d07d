-- A metric of every stride, jump or repetition, cycle by cycle, with its own standard deviation.
-- Grain: a cycle and side of a trial.
-- Note: sd is null where the method gives none. z_in_trial is how far a cycle is from the trial's others, in standard
--   deviations between them; null with fewer than least_cycles. Trials measured by an earlier version have no
--   cycles until they are measured again.
-- metric: one of cycle_metric.metric, such as knee_flexion_peak
-- athlete: one of trial.athlete_id = any
-- trial: one of trial.trial_id = any
-- activity: one of trial.activity = any
-- least_cycles: whole number, 2 or more = 3
-- Example: --param metric=stride_time --param athlete=blue/ann
SELECT
    cycle_metric.trial_id,
    cycle_metric.athlete_id,
    cycle_metric.activity,
    cycle_metric.session_date,
    trial.method,
    cycle,
    side,
    cycle_number,
    cycle_metric.start_s,
    cycle_metric.end_s,
    value,
    sd,
    CASE
        WHEN count(*) OVER own >= $least_cycles::INTEGER
            THEN (value - avg(value) OVER own) / nullif(stddev_samp(value) OVER own, 0)
    END AS z_in_trial,
    unit
FROM cycle_metric
JOIN trial USING (trial_id)
WHERE
    cycle_metric.metric = $metric
    AND $athlete IN (cycle_metric.athlete_id, 'any')
    AND $trial IN (cycle_metric.trial_id, 'any')
    AND $activity IN (cycle_metric.activity, 'any')
WINDOW own AS (PARTITION BY cycle_metric.trial_id, cycle, side)
ORDER BY cycle_metric.session_date, cycle_metric.trial_id, cycle, side, cycle_number;
