-- Where each model version is used: trials whose current run it measured.
-- Grain: a stage, model and version.
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
GROUP BY model_version.stage, model_version.model, model_version.version, model_version.sha256
ORDER BY model_version.stage, model_version.model, model_version.version DESC;
