-- The mean curve of a coordinate, 0 to 100 per cent, over a squad's trials; in gait over its own side's strides.
-- Grain: a method of measuring and per cent.
-- Note: a coordinate without a side takes the right's; --sql on the view curve has both. cameras and releases
--   are those of the trials.
-- team: one of trial.team_id, such as blue
-- activity: one of trial.activity, such as walk
-- coordinate: column of curve, such as knee_angle_r_deg
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- Example: --param team=blue --param activity=walk --param coordinate=knee_angle_r_deg
WITH cohort AS (
    SELECT trial_id, percent, COLUMNS(lambda name: name = $coordinate) AS value
    FROM curve
    WHERE
        activity = $activity
        AND side IN ('none', if(regexp_matches($coordinate, '_l_(sd_)?(deg|m)$'), 'left', 'right'))
        AND team_id = $team
        AND session_date BETWEEN $since::DATE AND $until::DATE
),

described AS (
    SELECT trial_id, method, camera, release
    FROM trial
    WHERE activity = $activity AND team_id = $team AND session_date BETWEEN $since::DATE AND $until::DATE
),

measured AS (
    SELECT
        method,
        string_agg(DISTINCT camera, ', ' ORDER BY camera) AS cameras,
        string_agg(DISTINCT release, ', ' ORDER BY release) AS releases
    FROM described
    GROUP BY method
),

by_method AS (
    SELECT
        described.method,
        cohort.percent,
        avg(cohort.value) AS mean_value,
        stddev_samp(cohort.value) AS sd_between_phases,
        count(cohort.value) AS phases
    FROM cohort
    JOIN described USING (trial_id)
    GROUP BY described.method, cohort.percent
)

SELECT by_method.*, measured.cameras, measured.releases
FROM by_method
JOIN measured USING (method)
ORDER BY method, percent;
