-- Quality metrics of each trial, the lowest mean quality first.
-- Grain: a trial.
WITH quality_metric AS (
    PIVOT (SELECT trial_id, name, value FROM quality)
    ON name IN ('mean_quality', 'untrusted_share', 'median_reprojection_px', 'median_marker_error_mm', 'cross_check_rms_deg')
    USING first(value)
)

SELECT
    quality_metric.trial_id,
    trial.activity,
    trial.method,
    trial.frames,
    round(quality_metric.mean_quality, 3) AS mean_quality,
    round(quality_metric.untrusted_share, 3) AS untrusted_share,
    round(quality_metric.median_reprojection_px, 1) AS median_reprojection_px,
    round(quality_metric.median_marker_error_mm, 1) AS median_marker_error_mm,
    round(quality_metric.cross_check_rms_deg, 3) AS cross_check_rms_deg
FROM quality_metric
JOIN trial USING (trial_id)
ORDER BY mean_quality, trial_id;
