-- The stretches of the runs that a view lists, such as 'current_run', which are compared with others of their kind: in
-- gait each stride of each side, as a run's cycles have it: from a foot strike to that foot's next, none where a strike
-- may be missing between; otherwise the whole trial, unless its motion contradicts the activity. Strides keep their
-- numbers among all of the side; trials that an earlier version measured, which has no cycles, have none until they are
-- measured again.
-- Grain: a stretch of a run.
CREATE OR REPLACE MACRO phases_of(runs) AS TABLE
WITH stretch AS (
    SELECT
        measured.session_id,
        measured.trial_id,
        measured.run_number,
        'stride' AS phase,
        stride.side,
        stride.cycle_number::BIGINT AS phase_number,
        stride.start_s,
        stride.end_s
    FROM cycle_metric_of_every_run AS stride
    JOIN query_table(runs) AS measured USING (run_number)
    WHERE
        stride.cycle = 'stride' AND stride.metric = 'stride_time' AND measured.activity IN ('walk', 'run', 'sprint')
    UNION ALL
    SELECT
        measured.session_id, measured.trial_id, run_number, 'trial', 'none', 1, run.first_time_s, run.last_time_s
    FROM query_table(runs) AS measured
    JOIN run USING (run_number)
    ANTI JOIN contradicted_run USING (run_number)
    WHERE measured.activity NOT IN ('walk', 'run', 'sprint') AND run.last_time_s > run.first_time_s
)

SELECT
    stretch.* EXCLUDE (session_id),
    measured.team_id,
    stretch.session_id,
    measured.athlete_id,
    measured.activity,
    measured.method,
    measured.session_date
FROM stretch
JOIN query_table(runs) AS measured USING (session_id, trial_id, run_number);
