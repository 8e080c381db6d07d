-- How far each trial can be trusted, the worst first.
WITH figure AS (
    PIVOT (SELECT trial_id, name, value FROM current_quality)
    ON name IN ('mean_quality', 'untrusted_share', 'median_reprojection_px', 'cross_check_rms_deg')
    USING first(value)
)

SELECT
    figure.trial_id,
    trial.activity,
    run.frames,
    round(figure.mean_quality, 3) AS mean_quality,
    round(figure.untrusted_share, 3) AS untrusted_share,
    round(figure.median_reprojection_px, 1) AS median_reprojection_px,
    round(figure.cross_check_rms_deg, 3) AS cross_check_rms_deg
FROM figure
JOIN trial USING (trial_id)
JOIN run ON run.run_number = trial.current_run_number
ORDER BY mean_quality, trial_id;
