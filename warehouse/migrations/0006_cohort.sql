-- Frames of kinematics lie in a table, and from a number of frames on the older ones in Parquet files beside the database
-- (`warehouse.archive`). The name kinematics_of_every_run becomes the view of both.
DROP VIEW IF EXISTS curve;
DROP VIEW IF EXISTS phase;
DROP VIEW IF EXISTS kinematics_narrow;
DROP VIEW IF EXISTS kinematics;
ALTER TABLE kinematics_of_every_run RENAME TO recent_kinematics;

CREATE TABLE kinematics_file (
    file VARCHAR PRIMARY KEY,  -- relative to home; a hash of its content is in the name, so that a name has one content
    frames BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL
);

CREATE TABLE archived_run (
    run_number INTEGER PRIMARY KEY,
    file VARCHAR NOT NULL
);

-- Derived: the mean curves of each session, as the macro mean_curves_of computes them from the frames. A session's rows
-- count only as long as session_refresh has the content that the session has now (view session_up_to_date).
CREATE TABLE derived_session_curve AS
WITH coordinate AS (
    SELECT
        COLUMNS(lambda name: regexp_matches(name, '_(deg|m)$') AND NOT contains(name, '_sd_'))
    FROM recent_kinematics
)

SELECT
    ''::VARCHAR AS session_id,
    ''::VARCHAR AS activity,
    ''::VARCHAR AS method,
    ''::VARCHAR AS phase,
    ''::VARCHAR AS side,
    0::INTEGER AS percent,
    0::BIGINT AS phases,
    COLUMNS('.*'),
    COLUMNS('^(.*)_(deg|m)$') AS "\1_sd_\2",
    COLUMNS('^(.*)_(deg|m)$') AS "\1_sd_between_phases_\2",
    COLUMNS('^(.*)_(deg|m)$')::BIGINT AS "\1_phases"
FROM coordinate
LIMIT 0;

CREATE TABLE session_refresh (
    session_id VARCHAR PRIMARY KEY,
    content HUGEINT NOT NULL  -- of the view session_content, when the session's derived rows were computed
);
