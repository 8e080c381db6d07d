-- The metrics of one trial.
-- trial: team/session/trial
SELECT metric, side, value, unit, sd
FROM current_metric
WHERE trial_id = $trial
ORDER BY metric, side;
