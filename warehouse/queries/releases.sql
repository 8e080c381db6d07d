-- Every release: its method and model versions, how many trials it measured, and how many show its numbers.
-- Grain: a release.
-- Note: retired, deleted and withdrawn trials are not counted.
-- Example:
WITH versions AS (
    SELECT release_id, string_agg(format('{} v{}', stage, version), ', ' ORDER BY stage) AS models
    FROM release_model
    GROUP BY release_id
),

measured AS (
    SELECT release, count(*) AS trials_measured, count(*) FILTER (is_current) AS trials_shown
    FROM trial_of_every_release
    GROUP BY release
),

acted AS (
    SELECT
        releases[-1] AS release_id,
        max(act_number) AS act_number,
        bool_or(is_override AND act = 'promote') AS is_override
    FROM release_act
    WHERE is_done
    GROUP BY releases[-1]
),

last_act AS (
    SELECT act_number, canary
    FROM release_act
    WHERE is_done
    ORDER BY act_number DESC
    LIMIT 1
)

SELECT
    release.name AS release,
    release.method,
    versions.models,
    coalesce(measured.trials_measured, 0) AS trials_measured,
    coalesce(measured.trials_shown, 0) AS trials_shown,
    coalesce(acted.act_number = (SELECT act_number FROM last_act), false) AS is_promoted,
    coalesce(release.release_id = (SELECT canary.release_id FROM last_act), false) AS is_canary,
    coalesce(acted.is_override, false) AS was_promoted_against_the_gate
FROM release
LEFT JOIN versions USING (release_id)
LEFT JOIN measured ON measured.release = release.name
LEFT JOIN acted USING (release_id)
WHERE release.release_id <> 'before'
ORDER BY release.created_at, release.name;
