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
    trial_id,
    athlete_id,
    activity,
    session_date,
    cycle,
    side,
    cycle_number,
    start_s,
    end_s,
    value,
    sd,
    CASE
        WHEN count(*) OVER own >= $least_cycles::INTEGER
            THEN (value - avg(value) OVER own) / nullif(stddev_samp(value) OVER own, 0)
    END AS z_in_trial,
    unit
FROM cycle_metric
WHERE
    metric = $metric
    AND $athlete IN (athlete_id, 'any')
    AND $trial IN (trial_id, 'any')
    AND $activity IN (activity, 'any')
WINDOW own AS (PARTITION BY trial_id, cycle, side)
ORDER BY session_date, trial_id, cycle, side, cycle_number;
