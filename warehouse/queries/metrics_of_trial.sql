-- The metrics of one trial; where a value is not known, the reason.
-- Grain: a metric and side.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT metric, side, value, unit, sd, reason
FROM metric
WHERE trial_id = $trial
ORDER BY metric, side;
