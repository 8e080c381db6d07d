-- Grain: a stretch of a trial that is compared with others of its kind: in gait each stride of each side, as its
-- cycles have it: from a foot strike to that foot's next, none where a strike may be missing between; otherwise the
-- whole trial. Strides keep their numbers among all of the side; trials that an earlier version measured, which has no
-- cycles, have none until they are measured again.
CREATE OR REPLACE VIEW phase AS
WITH stretch AS (
    SELECT
        current_run.session_id,
        current_run.trial_id,
        current_run.run_number,
        'stride' AS phase,
        stride.side,
        stride.cycle_number::BIGINT AS phase_number,
        stride.start_s,
        stride.end_s
    FROM cycle_metric_of_every_run AS stride
    JOIN current_run USING (run_number)
    WHERE
        stride.cycle = 'stride' AND stride.metric = 'stride_time' AND current_run.activity IN ('walk', 'run', 'sprint')
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
    current_run.method,
    current_run.session_date
FROM stretch
JOIN current_run USING (session_id, trial_id, run_number);
