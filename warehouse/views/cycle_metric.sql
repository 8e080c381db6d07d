-- Grain: a metric and side of a cycle of each trial's current run: a stride of either side, a jump, a repetition.
CREATE OR REPLACE VIEW cycle_metric AS
SELECT
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    fact.* EXCLUDE (run_number)
FROM cycle_metric_of_every_run AS fact
JOIN trial_manifest AS described ON described.current_run_number = fact.run_number
JOIN session USING (session_id);
