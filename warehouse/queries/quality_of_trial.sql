-- The quality metrics of one trial.
-- Grain: a quality metric.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT name, value, unit
FROM quality
WHERE trial_id = $trial
ORDER BY name;
