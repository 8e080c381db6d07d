-- Landings after which a coordinate exceeds a threshold, such as knee flexion over 90 degrees; the greatest first.
-- Grain: a landing event whose greatest value lies over the threshold.
-- Note: the greatest value within window_s of the landing, or up to the next take-off or landing. Frames without a value are left
--   out. A value is beyond measurement noise where it exceeds the threshold by 1.96 standard deviations.
-- coordinate: measured column of kinematics, such as knee_angle_r_deg
-- threshold: number, in the coordinate's unit
-- window_s: number, 0 or more = 1
-- team: one of trial.team_id = any
-- athlete: one of trial.athlete_id = any
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- Example: --param coordinate=knee_angle_r_deg --param threshold=90
WITH landing AS (
    SELECT
        trial_id,
        team_id,
        athlete_id,
        activity,
        session_date,
        event,
        side,
        time_s AS landing_s,
        lead(time_s) OVER (PARTITION BY trial_id ORDER BY time_s, event) AS next_s
    FROM event
    WHERE event IN ('landing', 'take_off')
),

frame AS (
    SELECT
        trial_id,
        time_s,
        COLUMNS(lambda name: name = $coordinate) AS value,
        COLUMNS(lambda name: name = regexp_replace($coordinate, '_(deg|m)$', '_sd_\1')) AS sd
    FROM kinematics
),

greatest_value AS (
    SELECT
        trial_id,
        athlete_id,
        activity,
        session_date,
        side,
        landing_s,
        max(value) AS greatest_value,
        arg_max(sd, value) AS measurement_sd
    FROM landing
    JOIN frame USING (trial_id)
    WHERE
        event = 'landing'
        AND $team IN (team_id, 'any')
        AND $athlete IN (athlete_id, 'any')
        AND session_date BETWEEN $since::DATE AND $until::DATE
        AND frame.time_s BETWEEN landing_s AND least(landing_s + $window_s::DOUBLE, coalesce(next_s, landing_s + $window_s::DOUBLE))
    GROUP BY ALL
)

SELECT
    greatest_value.*,
    trial.method,
    trial.camera,
    trial.release,
    CASE
        WHEN measurement_sd IS NULL THEN 'deviation not known'
        WHEN greatest_value - $threshold::DOUBLE > 1.96 * measurement_sd THEN 'beyond measurement noise'
        ELSE 'within measurement noise'
    END AS judgement
FROM greatest_value
JOIN trial USING (trial_id)
WHERE greatest_value.greatest_value > $threshold::DOUBLE
ORDER BY greatest_value.greatest_value DESC, trial_id, landing_s;
