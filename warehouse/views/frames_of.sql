-- The frames of the runs that a view or common table expression lists: a coordinate's value and its standard deviation, and
-- the value of another one, or of the same.
-- Grain: a frame of a run.
CREATE OR REPLACE MACRO frames_of(runs, coordinate, other) AS TABLE
SELECT
    run_number,
    frame_index,
    time_s,
    quality,
    COLUMNS(lambda name: name = coordinate) AS value,
    COLUMNS(lambda name: name = regexp_replace(coordinate, '_(deg|m)$', '_sd_\1')) AS sd,
    COLUMNS(lambda name: name = other) AS other_value
FROM kinematics_of_every_run
WHERE run_number IN (SELECT run_number FROM query_table(runs));
