-- Teams, athletes, sessions and trials as their manifests describe them.
CREATE TABLE team (
    team_id VARCHAR PRIMARY KEY
);

CREATE TABLE athlete (
    athlete_id VARCHAR PRIMARY KEY,
    team_id VARCHAR NOT NULL,
    height_m DOUBLE NOT NULL,
    mass_kg DOUBLE,
    sex VARCHAR,
    described_on DATE NOT NULL  -- date of the session whose manifest says so; the newest counts
);

CREATE TABLE session (
    session_id VARCHAR PRIMARY KEY,
    team_id VARCHAR NOT NULL,
    session_date DATE NOT NULL
);

CREATE TABLE trial (
    trial_id VARCHAR PRIMARY KEY,
    session_id VARCHAR NOT NULL,
    athlete_id VARCHAR NOT NULL,
    activity VARCHAR NOT NULL,
    video VARCHAR NOT NULL,
    start_s DOUBLE,
    end_s DOUBLE,
    current_run_number INTEGER NOT NULL  -- the run that was loaded last
);

-- One measurement of one trial; its id is a key of its content: same input, models, configuration and code, same id.
-- Its number counts runs as they were first loaded: rows of a run lie together, so that numbers find them fast.
CREATE TABLE run (
    run_number INTEGER PRIMARY KEY,
    run_id VARCHAR NOT NULL UNIQUE,
    trial_id VARCHAR NOT NULL,
    video_sha256 VARCHAR NOT NULL,
    method VARCHAR NOT NULL,
    code_version VARCHAR NOT NULL,
    configuration_sha256 VARCHAR NOT NULL,
    height_m DOUBLE NOT NULL,
    mass_kg DOUBLE,
    artifacts VARCHAR NOT NULL,  -- folder, relative to home
    record_sha256 VARCHAR NOT NULL,  -- of all that the loader was told of this run
    frames INTEGER NOT NULL,
    first_time_s DOUBLE NOT NULL,
    last_time_s DOUBLE NOT NULL
);

-- The model versions that a run was measured with, a row a stage.
CREATE TABLE model_version (
    run_number INTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL
);

-- When runs were loaded: bookkeeping, no content.
CREATE TABLE load_record (
    run_number INTEGER NOT NULL,
    loaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    mlflow_run_id VARCHAR
);

CREATE TABLE event (
    run_number INTEGER NOT NULL,
    event VARCHAR NOT NULL,
    side VARCHAR NOT NULL,
    time_s DOUBLE NOT NULL,
    frame_index INTEGER NOT NULL,
    sd_s DOUBLE
);

CREATE TABLE metric (
    run_number INTEGER NOT NULL,
    metric VARCHAR NOT NULL,
    side VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    unit VARCHAR NOT NULL,
    sd DOUBLE
);

CREATE TABLE quality (
    run_number INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE,
    unit VARCHAR NOT NULL
);

-- A row a frame; angles in degrees, positions in metres, after them the standard deviation of each, null where the
-- method gives none. No key: an index over every frame would cost more than the numbers; zone maps on run_number,
-- whose rows lie together, find a run as fast.
CREATE TABLE kinematics (
    run_number INTEGER NOT NULL,
    frame_index INTEGER NOT NULL,
    time_s DOUBLE NOT NULL,
    quality REAL,
    pelvis_tilt_deg REAL,
    pelvis_list_deg REAL,
    pelvis_rotation_deg REAL,
    pelvis_tx_m REAL,
    pelvis_ty_m REAL,
    pelvis_tz_m REAL,
    hip_flexion_r_deg REAL,
    hip_adduction_r_deg REAL,
    hip_rotation_r_deg REAL,
    knee_angle_r_deg REAL,
    ankle_angle_r_deg REAL,
    subtalar_angle_r_deg REAL,
    mtp_angle_r_deg REAL,
    hip_flexion_l_deg REAL,
    hip_adduction_l_deg REAL,
    hip_rotation_l_deg REAL,
    knee_angle_l_deg REAL,
    ankle_angle_l_deg REAL,
    subtalar_angle_l_deg REAL,
    mtp_angle_l_deg REAL,
    lumbar_extension_deg REAL,
    lumbar_bending_deg REAL,
    lumbar_rotation_deg REAL,
    arm_flex_r_deg REAL,
    arm_add_r_deg REAL,
    arm_rot_r_deg REAL,
    elbow_flex_r_deg REAL,
    pro_sup_r_deg REAL,
    wrist_flex_r_deg REAL,
    wrist_dev_r_deg REAL,
    arm_flex_l_deg REAL,
    arm_add_l_deg REAL,
    arm_rot_l_deg REAL,
    elbow_flex_l_deg REAL,
    pro_sup_l_deg REAL,
    wrist_flex_l_deg REAL,
    wrist_dev_l_deg REAL,
    neck_flexion_deg REAL,
    neck_bending_deg REAL,
    neck_rotation_deg REAL,
    pelvis_tilt_sd_deg REAL,
    pelvis_list_sd_deg REAL,
    pelvis_rotation_sd_deg REAL,
    pelvis_tx_sd_m REAL,
    pelvis_ty_sd_m REAL,
    pelvis_tz_sd_m REAL,
    hip_flexion_r_sd_deg REAL,
    hip_adduction_r_sd_deg REAL,
    hip_rotation_r_sd_deg REAL,
    knee_angle_r_sd_deg REAL,
    ankle_angle_r_sd_deg REAL,
    subtalar_angle_r_sd_deg REAL,
    mtp_angle_r_sd_deg REAL,
    hip_flexion_l_sd_deg REAL,
    hip_adduction_l_sd_deg REAL,
    hip_rotation_l_sd_deg REAL,
    knee_angle_l_sd_deg REAL,
    ankle_angle_l_sd_deg REAL,
    subtalar_angle_l_sd_deg REAL,
    mtp_angle_l_sd_deg REAL,
    lumbar_extension_sd_deg REAL,
    lumbar_bending_sd_deg REAL,
    lumbar_rotation_sd_deg REAL,
    arm_flex_r_sd_deg REAL,
    arm_add_r_sd_deg REAL,
    arm_rot_r_sd_deg REAL,
    elbow_flex_r_sd_deg REAL,
    pro_sup_r_sd_deg REAL,
    wrist_flex_r_sd_deg REAL,
    wrist_dev_r_sd_deg REAL,
    arm_flex_l_sd_deg REAL,
    arm_add_l_sd_deg REAL,
    arm_rot_l_sd_deg REAL,
    elbow_flex_l_sd_deg REAL,
    pro_sup_l_sd_deg REAL,
    wrist_flex_l_sd_deg REAL,
    wrist_dev_l_sd_deg REAL,
    neck_flexion_sd_deg REAL,
    neck_bending_sd_deg REAL,
    neck_rotation_sd_deg REAL
);
