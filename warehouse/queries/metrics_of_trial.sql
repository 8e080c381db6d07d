-- The metrics of one trial; where a value is not known, the reason.
-- trial: team/session/trial
SELECT metric.metric, metric.side, metric.value, metric.unit, metric.sd, metric.reason
FROM metric
JOIN trial ON trial.current_run_number = metric.run_number
WHERE trial.trial_id = $trial
ORDER BY metric.metric, metric.side;
