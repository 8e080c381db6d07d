-- The curves of one trial, or of two, 0 to 100 per cent: in gait the mean over the strides of each side, otherwise the whole trial.
-- Grain: a trial, side and per cent.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- other: one of trial.trial_id, a second one in the same answer = none
-- Example: --param trial=blue/2026-11-25-jumps/jump1
WITH coordinate AS (
    SELECT trial_id, side, percent, COLUMNS(lambda name: regexp_matches(name, '_(deg|m)$') AND NOT contains(name, '_sd_'))
    FROM curve
    WHERE trial_id IN ($trial, $other)
)

SELECT trial_id, side, percent, count(*) AS phases, avg(COLUMNS('_(deg|m)$')) AS "\0"
FROM coordinate
GROUP BY trial_id, side, percent
ORDER BY trial_id, side, percent;
