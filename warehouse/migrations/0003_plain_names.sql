-- The plain names trial, kinematics, event, metric and quality become views of the current runs, with their trial,
-- athlete and date. What they are views of keeps every run that was ever loaded, and is named so.
DROP VIEW IF EXISTS curve;
DROP VIEW IF EXISTS phase;
DROP VIEW IF EXISTS kinematics_narrow;
DROP VIEW IF EXISTS current_kinematics;
DROP VIEW IF EXISTS current_event;
DROP VIEW IF EXISTS current_metric;
DROP VIEW IF EXISTS current_quality;

ALTER TABLE trial RENAME TO trial_manifest;
ALTER TABLE kinematics RENAME TO kinematics_of_every_run;
ALTER TABLE event RENAME TO event_of_every_run;
ALTER TABLE metric RENAME TO metric_of_every_run;
ALTER TABLE quality RENAME TO quality_of_every_run;

-- What manifests may say since then: norms go by age, quality by camera.
ALTER TABLE athlete ADD COLUMN birth_year INTEGER;
ALTER TABLE trial_manifest ADD COLUMN camera VARCHAR;
