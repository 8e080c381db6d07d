-- The curve of a coordinate in each stride, or trial, of a group of trials, 0 to 100 per cent.
-- Grain: a per cent of a stride of the coordinate's own side in gait, else of a trial.
-- Note: a coordinate without a side takes the right's strides. release: whose measurement is read; shown is each trial's current one.
-- coordinate: measured column of curve, such as knee_angle_r_deg
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

stretch AS (
    FROM phases_of('of_group')
    WHERE side IN ('none', if(regexp_matches($coordinate, '_l_(deg|m)$'), 'left', 'right'))
)

SELECT
    of_group.athlete_id,
    of_group.session_id,
    trial_id,
    of_group.run_number,
    side,
    phase_number,
    percent,
    COLUMNS(lambda name: name = $coordinate) AS value
FROM curves_of('stretch')
JOIN of_group USING (trial_id)
ORDER BY of_group.athlete_id, trial_id, phase_number, percent;
