-- Grain: a stretch of a trial that is compared with others of its kind: in gait each stride of each side, as its
-- cycles have it: from a foot strike to that foot's next, none where a strike may be missing between; otherwise the
-- whole trial. Strides keep their numbers among all of the side; trials that an earlier version measured, which has no
-- cycles, have none until they are measured again.
CREATE OR REPLACE VIEW phase AS
WITH stretch AS (
    SELECT
        trial.trial_id,
        trial.current_run_number AS run_number,
        'stride' AS phase,
        stride.side,
        stride.cycle_number::BIGINT AS phase_number,
        stride.start_s,
        stride.end_s
    FROM cycle_metric_of_every_run AS stride
    JOIN trial_manifest AS trial ON trial.current_run_number = stride.run_number
    WHERE stride.cycle = 'stride' AND stride.metric = 'stride_time' AND trial.activity IN ('walk', 'run', 'sprint')
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
