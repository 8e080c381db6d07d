-- Grain: a stretch of a trial that is compared with others of its kind: in gait each stride of each side, from one foot
-- strike to that foot's next; otherwise the whole trial. (Strikes are partitioned by trial_id, which names the run as well
-- and lets a filter on it pass beneath the window.)
CREATE OR REPLACE VIEW phase AS
WITH strike AS (
    SELECT
        trial.trial_id,
        trial.current_run_number AS run_number,
        event.side,
        event.time_s AS start_s,
        lead(event.time_s) OVER (PARTITION BY trial.trial_id, event.side ORDER BY event.time_s) AS end_s,
        row_number() OVER (PARTITION BY trial.trial_id, event.side ORDER BY event.time_s) AS phase_number
    FROM event_of_every_run AS event
    JOIN trial_manifest AS trial ON trial.current_run_number = event.run_number
    WHERE event.event = 'foot_strike' AND trial.activity IN ('walk', 'run', 'sprint')
),

stretch AS (
    SELECT trial_id, run_number, 'stride' AS phase, side, phase_number, start_s, end_s
    FROM strike
    WHERE end_s IS NOT NULL
    UNION ALL
    SELECT trial.trial_id, run.run_number, 'trial', 'none', 1, run.first_time_s, run.last_time_s
    FROM trial_manifest AS trial
    JOIN run ON run.run_number = trial.current_run_number
    WHERE trial.activity NOT IN ('walk', 'run', 'sprint') AND run.last_time_s > run.first_time_s
)

SELECT
    stretch.*,
    session.team_id,
    trial.session_id,
    trial.athlete_id,
    trial.activity,
    session.session_date
FROM stretch
JOIN trial_manifest AS trial USING (trial_id)
JOIN session USING (session_id);
