-- Where each model version is used: trials whose current run it measured.
-- Grain: a stage, model and version.
-- team: one of trial.team_id = any
SELECT
    model_version.stage,
    model_version.model,
    model_version.version,
    model_version.sha256,
    count(*) AS trials,
    min(trial.session_date) AS first_session,
    max(trial.session_date) AS last_session
FROM model_version
JOIN trial USING (run_number)
WHERE $team IN (trial.team_id, 'any')
GROUP BY model_version.stage, model_version.model, model_version.version, model_version.sha256
ORDER BY model_version.stage, model_version.model, model_version.version DESC;
