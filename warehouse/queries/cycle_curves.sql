-- The curve of a coordinate in each stride, or trial, of a group of trials, 0 to 100 per cent.
-- Grain: a stride of the coordinate's own side in gait, else a trial.
-- Note: curve is a list of a value for each of percent, in degrees (metres of a translation): 101, and fewer where frames
--   are missing. In CSV each is a row of its own. A coordinate without a side takes the right's strides. Those of a large
--   warehouse take more memory than a query may: name a team, session, athlete or period. release: whose
--   measurement is read; shown is each trial's current one.
-- Empty: no trial asked for has curves; in gait they are of whole strides, in which the same foot strikes twice.
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

frame AS (
    FROM frames_of('of_group', $coordinate, if($other = 'none', $coordinate, $other))
),

placed AS (
    SELECT
        *,
        if(coordinate = $coordinate, from_value, from_other_value) AS from_asked,
        if(coordinate = $coordinate, to_value, to_other_value) AS to_asked
    FROM frame_pairs_of('stretch', 'frame')
)

SELECT
    athlete_id,
    session_id,
    trial_id,
    run_number,
    coordinate,
    side,
    phase_number,
    list(percent::UTINYINT ORDER BY percent) AS percent,
    list((from_asked + share * (to_asked - from_asked))::REAL ORDER BY percent) AS curve
FROM placed
GROUP BY ALL
ORDER BY coordinate, athlete_id, trial_id, phase_number;
