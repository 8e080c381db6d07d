-- Grain: a frame of each run that was ever loaded: those in the table and, where there are some, those in Parquet files.
CREATE OR REPLACE VIEW kinematics_of_every_run AS
FROM recent_kinematics
