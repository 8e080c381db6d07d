-- Grain: a run whose motion surely is not the activity that its manifest declares: none of that activity's are compared with it.
CREATE OR REPLACE VIEW contradicted_run AS
SELECT run_number
FROM quality_of_every_run
WHERE name = 'activity_contradicted' AND value = 1;
