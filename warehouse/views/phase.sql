-- Grain: a stretch of a trial's current run that is compared with others of its kind: a stride of a side, or the trial.
CREATE OR REPLACE VIEW phase AS
FROM phases_of('current_run');
