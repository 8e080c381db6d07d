-- A coordinate in every stride, jump or repetition: its extremes, range, velocities, and its value where the cycle begins, ends
--   and at an event.
-- Grain: a cycle of a trial; strides are those of the coordinate's own side.
-- Note: over the frames of a cycle with at least least_quality, values at times are those of the nearest such frame. A coordinate
--   without a side takes the right's strides and events. Velocities, a second, are of neighbouring frames (central differences
--   of the filtered coordinate). Each _sd is of its own frame, so that of an extreme is a little too small; range_sd is as
--   if both extremes erred independently, and velocity_sd as if all of the coordinate's deviation varied through the trial,
--   alike over 0.1 s: both at most that. hip, knee and ankle have sampled deviations in the query cycles. Range and velocities
--   of a coordinate that does not move at all are null: it is held, as are forearm rotation and wrists on film.
-- coordinate: measured column of kinematics, such as pelvis_list_deg
-- event: one of event.event, such as foot_off, the first in a cycle = none
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- session: one of trial.session_id = any
-- athlete: one of trial.athlete_id = any
-- trial: one of trial.trial_id = any
-- least_quality: number, 0 to 1, of a frame = 0.5
-- Empty: no trial asked for has cycles: walking and running have whole strides only where a foot strikes twice.
-- Example: --param coordinate=hip_adduction_r_deg --param event=foot_off --param athlete=blue/ann
WITH chosen AS (
    SELECT
        *,
        if(regexp_matches($coordinate, '_l_(deg|m)$'), 'left', 'right') AS own_side
    FROM current_run
    WHERE
        $activity IN (activity, 'any')
        AND $team IN (team_id, 'any')
        AND $session IN (session_id, 'any')
        AND $athlete IN (athlete_id, 'any')
        AND $trial IN (trial_id, 'any')
),

stretch AS (
    SELECT DISTINCT
        run_number,
        cycle,
        if(cycle = 'stride', side, 'none') AS side,
        cycle_number,
        cycle_metric_of_every_run.start_s,
        cycle_metric_of_every_run.end_s,
        own_side
    FROM chosen
    JOIN cycle_metric_of_every_run USING (run_number)
    WHERE cycle <> 'stride' OR side = own_side
),

happened AS (
    SELECT stretch.run_number, cycle, cycle_number, min(event.time_s) AS event_s
    FROM stretch
    JOIN event_of_every_run AS event
        ON
        event.run_number = stretch.run_number
        AND event.side IN (own_side, 'both', 'none')
        AND event.time_s BETWEEN stretch.start_s AND stretch.end_s
    WHERE event.event = $event
    GROUP BY ALL
),

spanned AS (
    SELECT run_number, min(start_s) - 0.1 AS from_s, max(end_s) + 0.1 AS to_s  -- neighbours for the velocity of the ends
    FROM stretch
    GROUP BY run_number
),

frame AS (
    FROM frames_of('spanned', $coordinate, $coordinate)
    JOIN spanned USING (run_number)
    WHERE quality >= $least_quality::DOUBLE AND time_s BETWEEN from_s AND to_s
),

moving AS (
    SELECT
        run_number,
        time_s,
        value,
        sd,
        if(
            lead(frame_index) OVER in_order - lag(frame_index) OVER in_order = 2,
            lead(time_s) OVER in_order - lag(time_s) OVER in_order,
            NULL
        ) AS step_s,
        (lead(value) OVER in_order - lag(value) OVER in_order) / step_s AS velocity
    FROM frame
    WHERE isfinite(value)
    WINDOW in_order AS (PARTITION BY run_number ORDER BY frame_index)
),

of_cycle AS (
    SELECT
        stretch.run_number,
        cycle,
        side,
        cycle_number,
        stretch.start_s,
        stretch.end_s,
        arg_min(value, abs(time_s - stretch.start_s)) AS at_start,
        arg_min(value, abs(time_s - happened.event_s)) AS at_event,
        arg_min(value, abs(time_s - stretch.end_s)) AS at_end,
        min(value) AS lowest,
        max(value) AS highest,
        arg_min(sd, value) AS lowest_sd,
        arg_max(sd, value) AS highest_sd,
        min(velocity) AS lowest_velocity,
        max(velocity) AS highest_velocity,
        arg_max(sd, abs(velocity)) AS fastest_sd,
        arg_max(step_s, abs(velocity)) AS fastest_step_s,
        count(*) AS frames
    FROM stretch
    LEFT JOIN happened USING (run_number, cycle, cycle_number)
    JOIN moving ON moving.run_number = stretch.run_number AND moving.time_s BETWEEN stretch.start_s AND stretch.end_s
    GROUP BY ALL
)

SELECT
    chosen.trial_id,
    chosen.athlete_id,
    chosen.activity,
    chosen.session_date,
    chosen.method,
    cycle,
    side,
    cycle_number,
    start_s,
    end_s,
    at_start,
    at_event,
    at_end,
    lowest,
    highest,
    nullif(highest - lowest, 0) AS range,
    lowest_sd,
    highest_sd,
    if(range IS NULL, NULL, sqrt(lowest_sd ** 2 + highest_sd ** 2)) AS range_sd,
    if(range IS NULL, NULL, lowest_velocity) AS lowest_velocity,
    if(range IS NULL, NULL, highest_velocity) AS highest_velocity,
    if(
        range IS NULL,
        NULL,
        fastest_sd * sqrt(2 * (1 - exp((fastest_step_s / 0.1) ** 2 / -2))) / fastest_step_s
    ) AS velocity_sd,
    frames,
    regexp_extract($coordinate, '_(deg|m)$', 1) AS unit
FROM of_cycle
JOIN chosen USING (run_number)
ORDER BY chosen.session_date, chosen.trial_id, cycle, side, cycle_number;
