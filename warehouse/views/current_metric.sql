-- Grain: a metric and side of each trial's current run, where its value is known.
CREATE OR REPLACE VIEW current_metric AS
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    session.session_date,
    metric.* EXCLUDE (run_number, reason)
FROM metric
JOIN trial ON trial.current_run_number = metric.run_number
JOIN session USING (session_id)
WHERE metric.value IS NOT NULL;
