-- The model versions that measured one trial.
-- Grain: a stage.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT model_version.stage, model_version.model, model_version.version, model_version.sha256
FROM model_version
JOIN trial USING (run_number)
WHERE trial.trial_id = $trial
ORDER BY model_version.stage;
