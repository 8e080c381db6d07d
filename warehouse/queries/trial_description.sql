-- One trial: athlete, activity, session, camera, how it was measured, and how long it is.
-- Grain: a trial.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT *
FROM trial
WHERE trial_id = $trial;
