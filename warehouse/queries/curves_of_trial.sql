-- The curves of one trial, 0 to 100 per cent: in gait the mean over the strides of each side, otherwise the whole trial.
-- Grain: a side and per cent.
-- Empty: the trial has no curves; in gait they are of whole strides, in which the same foot strikes twice.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
WITH coordinate AS (
    SELECT side, percent, COLUMNS(lambda name: regexp_matches(name, '_(deg|m)$') AND NOT contains(name, '_sd_'))
    FROM curve
    WHERE trial_id = $trial
)

SELECT side, percent, count(*) AS phases, avg(COLUMNS('_(deg|m)$')) AS "\0"
FROM coordinate
GROUP BY side, percent
ORDER BY side, percent;
