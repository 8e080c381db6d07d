-- Grain: a stretch of a trial that is compared with others of its kind: in gait each stride of each side, from one foot
-- strike to that foot's next; otherwise the whole trial. (Strikes are partitioned by session and trial, too, so that a
-- filter on either passes beneath the window.)
CREATE OR REPLACE VIEW phase AS
WITH strike AS (
    SELECT
        current_run.session_id,
        current_run.trial_id,
        current_run.run_number,
        event.side,
        event.time_s AS start_s,
        lead(event.time_s) OVER own AS end_s,
        row_number() OVER own AS phase_number
    FROM event_of_every_run AS event
    JOIN current_run USING (run_number)
    WHERE event.event = 'foot_strike' AND current_run.activity IN ('walk', 'run', 'sprint')
    WINDOW own AS (PARTITION BY current_run.session_id, current_run.trial_id, event.side ORDER BY event.time_s)
),

stretch AS (
    SELECT session_id, trial_id, run_number, 'stride' AS phase, side, phase_number, start_s, end_s
    FROM strike
    WHERE end_s IS NOT NULL
    UNION ALL
    SELECT
        current_run.session_id, current_run.trial_id, run_number, 'trial', 'none', 1, run.first_time_s, run.last_time_s
    FROM current_run
    JOIN run USING (run_number)
    WHERE current_run.activity NOT IN ('walk', 'run', 'sprint') AND run.last_time_s > run.first_time_s
)

SELECT
    stretch.* EXCLUDE (session_id),
    current_run.team_id,
    stretch.session_id,
    current_run.athlete_id,
    current_run.activity,
    current_run.session_date
FROM stretch
JOIN current_run USING (session_id, trial_id, run_number);
