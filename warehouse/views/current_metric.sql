-- Grain: a metric and side of each trial's current run.
CREATE OR REPLACE VIEW current_metric AS
SELECT
    trial.trial_id,
    trial.athlete_id,
    trial.activity,
    session.session_date,
    metric.* EXCLUDE (run_number)
FROM metric
JOIN trial ON trial.current_run_number = metric.run_number
JOIN session USING (session_id);
