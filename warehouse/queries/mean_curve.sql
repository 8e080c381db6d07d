-- The mean curve of a coordinate, 0 to 100 per cent, over a squad's trials; in gait over its own side's strides.
-- A coordinate without a side takes the right's; --sql on the view curve has both.
-- team: of the squad
-- activity: one of the manifest's
-- coordinate: column of curve, such as knee_angle_r_deg
-- since: first session date = 1900-01-01
-- until: last session date = 2999-12-31
WITH cohort AS (
    SELECT percent, COLUMNS(lambda name: name = $coordinate) AS value
    FROM curve
    WHERE
        activity = $activity
        AND side IN ('none', if(regexp_matches($coordinate, '_l_(sd_)?(deg|m)$'), 'left', 'right'))
        AND split_part(athlete_id, '/', 1) = $team
        AND session_date BETWEEN $since::DATE AND $until::DATE
)

SELECT percent, avg(value) AS mean_value, stddev_samp(value) AS sd_between_phases, count(value) AS phases
FROM cohort
GROUP BY percent
ORDER BY percent;
