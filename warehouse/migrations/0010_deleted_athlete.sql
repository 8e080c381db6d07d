-- Whose a deleted trial is: once its runs are removed, nothing else leads to it when its athlete is erased. Null where the
-- runs were removed before.
ALTER TABLE deleted_trial ADD COLUMN athlete_id VARCHAR;

UPDATE deleted_trial SET athlete_id = trial_manifest.athlete_id
FROM trial_manifest
WHERE trial_manifest.trial_id = deleted_trial.trial_id;
