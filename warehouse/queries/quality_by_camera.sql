-- Quality by session and camera: which recordings give measurements that can be trusted; the lowest quality first.
-- Grain: a session, camera (as far as manifests state one) and method.
-- team: one of trial.team_id = any
-- Example: --param team=blue
WITH quality_metric AS (
    PIVOT (SELECT trial_id, name, value FROM quality)
    ON name IN ('mean_quality', 'untrusted_share', 'median_reprojection_px', 'median_marker_error_mm', 'cross_check_rms_deg')
    USING first(value)
)

SELECT
    trial.session_date,
    trial.session_id,
    trial.camera,
    trial.method,
    count(*) AS trials,
    sum(trial.frames)::BIGINT AS frames,
    avg(quality_metric.mean_quality) AS mean_quality,
    min(quality_metric.mean_quality) AS lowest_quality,
    avg(quality_metric.untrusted_share) AS untrusted_share,
    avg(quality_metric.median_reprojection_px) AS median_reprojection_px,
    avg(quality_metric.median_marker_error_mm) AS median_marker_error_mm,
    max(quality_metric.cross_check_rms_deg) AS greatest_cross_check_rms_deg
FROM trial
LEFT JOIN quality_metric USING (trial_id)
WHERE $team IN (trial.team_id, 'any')
GROUP BY ALL
ORDER BY mean_quality NULLS FIRST, session_id, camera, method;
