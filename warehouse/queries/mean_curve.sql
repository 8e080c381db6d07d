-- The mean curve of a coordinate, 0 to 100 per cent, over a squad's trials; in gait over its own side's strides.
-- Grain: a method of measuring and per cent.
-- Note: a coordinate without a side takes the right's; --sql on the view curve has both. measurement_sd is the measurement's own
--   standard deviation, of one stride or trial. cameras and releases are those of the trials.
-- Empty: no trial asked for has curves; in gait they are of whole strides, in which the same foot strikes twice.
-- team: one of trial.team_id, such as blue
-- activity: one of trial.activity, such as walk
-- coordinate: measured column of curve, such as knee_angle_r_deg
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- Example: --param team=blue --param activity=walk --param coordinate=knee_angle_r_deg
WITH session_mean AS (
    SELECT
        method,
        percent,
        COLUMNS(lambda name: name = $coordinate) AS value,
        COLUMNS(lambda name: name = regexp_replace($coordinate, '_(deg|m)$', '_sd_\1')) AS sd,
        COLUMNS(lambda name: name = regexp_replace($coordinate, '_(deg|m)$', '_sd_between_phases_\1')) AS sd_between,
        COLUMNS(lambda name: name = regexp_replace($coordinate, '_(deg|m)$', '_phases')) AS n
    FROM session_curve
    WHERE
        activity = $activity
        AND side IN ('none', if(regexp_matches($coordinate, '_l_(deg|m)$'), 'left', 'right'))
        AND team_id = $team
        AND session_date BETWEEN $since::DATE AND $until::DATE
),

overall AS (
    SELECT
        method,
        percent,
        sum(n * value) / sum(n) FILTER (n > 0) AS mean_value,
        sqrt(sum(n * sd ** 2) / sum(n) FILTER (sd IS NOT NULL)) AS measurement_sd,
        sum(n)::BIGINT AS phases
    FROM session_mean
    GROUP BY method, percent
),

measured AS (
    SELECT
        method,
        distinct_names(list(camera)) AS cameras,
        distinct_names(list(release)) AS releases
    FROM trial
    WHERE activity = $activity AND team_id = $team AND session_date BETWEEN $since::DATE AND $until::DATE
    GROUP BY method
)

SELECT
    method,
    percent,
    overall.mean_value,
    sqrt(sum(coalesce((n - 1) * sd_between ** 2, 0) + n * (value - overall.mean_value) ** 2) / nullif(overall.phases - 1, 0))
        AS sd_between_phases,
    overall.measurement_sd,
    overall.phases,
    measured.cameras,
    measured.releases
FROM overall
JOIN session_mean USING (method, percent)
JOIN measured USING (method)
GROUP BY method, percent, overall.mean_value, overall.measurement_sd, overall.phases, measured.cameras, measured.releases
ORDER BY method, percent;
