-- The versions and cameras that measured one athlete's series of a metric: where they change, a step in the series may be theirs.
-- Grain: a session and set of versions.
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as knee_flexion_peak
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
WITH versions AS (
    SELECT run_number, string_agg(format('{} {} v{}', stage, model, version), ', ' ORDER BY stage) AS models
    FROM model_version
    GROUP BY run_number
),

measured AS (
    SELECT
        trial.session_date,
        trial.session_id,
        trial.method,
        trial.release,
        trial.camera,
        trial.code_version,
        coalesce(versions.models, 'none') AS models,
        count(*) AS trials
    FROM trial
    LEFT JOIN versions USING (run_number)
    WHERE
        trial.athlete_id = $athlete
        AND trial.trial_id IN (SELECT trial_id FROM metric WHERE metric = $metric AND athlete_id = $athlete)
    GROUP BY ALL
)

SELECT
    *,
    coalesce(
        (method, camera, code_version, models)
        IS DISTINCT FROM lag((method, camera, code_version, models)) OVER (ORDER BY session_date, session_id, method, camera, code_version, models)
        AND row_number() OVER (ORDER BY session_date, session_id, method, camera, code_version, models) > 1,
        false
    ) AS is_changed
FROM measured
ORDER BY session_date, session_id, method, camera, code_version, models;
