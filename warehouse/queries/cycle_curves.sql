-- The curve of a coordinate in each stride, or trial, of a group of trials, 0 to 100 per cent.
-- Grain: a per cent of a stride of the coordinate's own side in gait, else of a trial.
-- Note: a coordinate without a side takes the right's strides. release: whose measurement is read; shown is each trial's current one.
-- coordinate: measured column of curve, such as knee_angle_r_deg
-- other: measured column of curve, a second one in the same answer, such as knee_angle_l_deg = none
-- activity: one of trial.activity, such as walk
-- team: one of trial.team_id = any
-- session: one of trial.session_id = any
-- athlete: one of trial.athlete_id = any
-- trial: one of trial.trial_id = any
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- release: one of trial_of_every_release.release = shown
-- Example: --param coordinate=knee_angle_r_deg --param activity=walk --param team=blue
WITH measured AS (
    SELECT run_number, trial_id, team_id, session_id, session_date, athlete_id, activity, method
    FROM current_run
    WHERE $release = 'shown'
    UNION ALL
    SELECT run_number, trial_id, team_id, session_id, session_date, athlete_id, activity, method
    FROM trial_of_every_release
    WHERE release = $release
),

of_group AS (
    FROM measured
    WHERE
        activity = $activity
        AND $team IN (team_id, 'any')
        AND $session IN (session_id, 'any')
        AND $athlete IN (athlete_id, 'any')
        AND $trial IN (trial_id, 'any')
        AND session_date BETWEEN $since::DATE AND $until::DATE
),

chosen AS (
    SELECT DISTINCT coordinate
    FROM (VALUES ($coordinate), ($other)) AS asked(coordinate)
    WHERE coordinate <> 'none'
),

stretch AS (
    SELECT phase.*, chosen.coordinate
    FROM phases_of('of_group') AS phase
    JOIN chosen
        ON phase.side IN ('none', if(regexp_matches(chosen.coordinate, '_l_(deg|m)$'), 'left', 'right'))
),

-- As curves_of interpolates: the frames are read once, and nothing is planned for other coordinates.
frame AS MATERIALIZED (
    SELECT
        run_number,
        frame_index,
        time_s,
        COLUMNS(lambda name: name = $coordinate) AS value,
        COLUMNS(lambda name: name = if($other = 'none', $coordinate, $other)) AS other_value
    FROM kinematics_of_every_run
    WHERE run_number IN (SELECT run_number FROM of_group)
),

step AS (
    SELECT steps, unnest(range(steps)) AS step
    FROM range(1, 102) AS counts(steps)
),

placed AS (
    SELECT
        stretch.athlete_id,
        stretch.session_id,
        stretch.trial_id,
        stretch.run_number,
        stretch.coordinate,
        stretch.side,
        stretch.phase_number,
        (greatest(ceil(100 * (frame.time_s - stretch.start_s) / (stretch.end_s - stretch.start_s)), 0) + step.step)::INTEGER
            AS percent,
        (stretch.start_s + percent / 100 * (stretch.end_s - stretch.start_s) - frame.time_s)
        / (next_frame.time_s - frame.time_s) AS share,
        if(stretch.coordinate = $coordinate, frame.value, frame.other_value) AS from_value,
        if(stretch.coordinate = $coordinate, next_frame.value, next_frame.other_value) AS to_value
    FROM stretch
    JOIN frame
        ON frame.run_number = stretch.run_number
        AND frame.time_s < stretch.end_s
    JOIN frame AS next_frame
        ON next_frame.run_number = frame.run_number
        AND next_frame.frame_index = frame.frame_index + 1
        AND next_frame.time_s > stretch.start_s
    JOIN step
        ON step.steps = CASE
            WHEN next_frame.time_s >= stretch.end_s THEN 101
            ELSE ceil(100 * (next_frame.time_s - stretch.start_s) / (stretch.end_s - stretch.start_s))
        END::INTEGER
        - greatest(ceil(100 * (frame.time_s - stretch.start_s) / (stretch.end_s - stretch.start_s)), 0)::INTEGER
)

SELECT
    athlete_id,
    session_id,
    trial_id,
    run_number,
    coordinate,
    side,
    phase_number,
    percent,
    from_value + share * (to_value - from_value) AS value
FROM placed
ORDER BY coordinate, athlete_id, trial_id, phase_number, percent;
