-- Curves of the phases that a view lists, such as 'phase'.
-- Grain: a per cent of a phase, 0 to 100: coordinates interpolated linearly between frames, so that phases of different
-- lengths can be laid over each other. So are their standard deviations, as neighbouring frames share their errors. A
-- frame gives the per cents from its own time up to the next frame's: joined to the table of steps by their number, it
-- is repeated once for each. (Joins on equality alone are fast, and LATERAL or unnest would carry all
-- coordinates along where one is asked for: ten times as slow. The share is a column of its own, as DuckDB would write its
-- formula out for each coordinate, and planning took longer than reading one trial.)
CREATE OR REPLACE MACRO curves_of(phases) AS TABLE
WITH step AS (
    SELECT steps, unnest(range(steps)) AS step
    FROM range(1, 102) AS counts(steps)
),

placed AS (
    SELECT
        phase.trial_id,
        phase.team_id,
        phase.session_id,
        phase.athlete_id,
        phase.activity,
        phase.method,
        phase.session_date,
        phase.phase,
        phase.side,
        phase.phase_number,
        (greatest(ceil(100 * (frame.time_s - phase.start_s) / (phase.end_s - phase.start_s)), 0) + step.step)::INTEGER
            AS percent,
        (phase.start_s + percent / 100 * (phase.end_s - phase.start_s) - frame.time_s)
        / (next_frame.time_s - frame.time_s) AS share,
        COLUMNS(frame.*) AS "from_\0",
        COLUMNS(next_frame.*) AS "to_\0"
    FROM query_table(phases) AS phase
    JOIN kinematics_of_every_run AS frame
        ON frame.run_number = phase.run_number
        AND frame.time_s < phase.end_s
    JOIN kinematics_of_every_run AS next_frame
        ON next_frame.run_number = frame.run_number
        AND next_frame.frame_index = frame.frame_index + 1
        AND next_frame.time_s > phase.start_s
    JOIN step
        ON step.steps = CASE
            WHEN next_frame.time_s >= phase.end_s THEN 101
            ELSE ceil(100 * (next_frame.time_s - phase.start_s) / (phase.end_s - phase.start_s))
        END::INTEGER
        - greatest(ceil(100 * (frame.time_s - phase.start_s) / (phase.end_s - phase.start_s)), 0)::INTEGER
)

SELECT
    trial_id,
    team_id,
    session_id,
    athlete_id,
    activity,
    method,
    session_date,
    phase,
    side,
    phase_number,
    percent,
    from_pelvis_tilt_deg + share * (to_pelvis_tilt_deg - from_pelvis_tilt_deg) AS pelvis_tilt_deg,
    from_pelvis_list_deg + share * (to_pelvis_list_deg - from_pelvis_list_deg) AS pelvis_list_deg,
    from_pelvis_rotation_deg + share * (to_pelvis_rotation_deg - from_pelvis_rotation_deg) AS pelvis_rotation_deg,
    from_pelvis_tx_m + share * (to_pelvis_tx_m - from_pelvis_tx_m) AS pelvis_tx_m,
    from_pelvis_ty_m + share * (to_pelvis_ty_m - from_pelvis_ty_m) AS pelvis_ty_m,
    from_pelvis_tz_m + share * (to_pelvis_tz_m - from_pelvis_tz_m) AS pelvis_tz_m,
    from_hip_flexion_r_deg + share * (to_hip_flexion_r_deg - from_hip_flexion_r_deg) AS hip_flexion_r_deg,
    from_hip_adduction_r_deg + share * (to_hip_adduction_r_deg - from_hip_adduction_r_deg) AS hip_adduction_r_deg,
    from_hip_rotation_r_deg + share * (to_hip_rotation_r_deg - from_hip_rotation_r_deg) AS hip_rotation_r_deg,
    from_knee_angle_r_deg + share * (to_knee_angle_r_deg - from_knee_angle_r_deg) AS knee_angle_r_deg,
    from_ankle_angle_r_deg + share * (to_ankle_angle_r_deg - from_ankle_angle_r_deg) AS ankle_angle_r_deg,
    from_subtalar_angle_r_deg + share * (to_subtalar_angle_r_deg - from_subtalar_angle_r_deg) AS subtalar_angle_r_deg,
    from_mtp_angle_r_deg + share * (to_mtp_angle_r_deg - from_mtp_angle_r_deg) AS mtp_angle_r_deg,
    from_hip_flexion_l_deg + share * (to_hip_flexion_l_deg - from_hip_flexion_l_deg) AS hip_flexion_l_deg,
    from_hip_adduction_l_deg + share * (to_hip_adduction_l_deg - from_hip_adduction_l_deg) AS hip_adduction_l_deg,
    from_hip_rotation_l_deg + share * (to_hip_rotation_l_deg - from_hip_rotation_l_deg) AS hip_rotation_l_deg,
    from_knee_angle_l_deg + share * (to_knee_angle_l_deg - from_knee_angle_l_deg) AS knee_angle_l_deg,
    from_ankle_angle_l_deg + share * (to_ankle_angle_l_deg - from_ankle_angle_l_deg) AS ankle_angle_l_deg,
    from_subtalar_angle_l_deg + share * (to_subtalar_angle_l_deg - from_subtalar_angle_l_deg) AS subtalar_angle_l_deg,
    from_mtp_angle_l_deg + share * (to_mtp_angle_l_deg - from_mtp_angle_l_deg) AS mtp_angle_l_deg,
    from_lumbar_extension_deg + share * (to_lumbar_extension_deg - from_lumbar_extension_deg) AS lumbar_extension_deg,
    from_lumbar_bending_deg + share * (to_lumbar_bending_deg - from_lumbar_bending_deg) AS lumbar_bending_deg,
    from_lumbar_rotation_deg + share * (to_lumbar_rotation_deg - from_lumbar_rotation_deg) AS lumbar_rotation_deg,
    from_arm_flex_r_deg + share * (to_arm_flex_r_deg - from_arm_flex_r_deg) AS arm_flex_r_deg,
    from_arm_add_r_deg + share * (to_arm_add_r_deg - from_arm_add_r_deg) AS arm_add_r_deg,
    from_arm_rot_r_deg + share * (to_arm_rot_r_deg - from_arm_rot_r_deg) AS arm_rot_r_deg,
    from_elbow_flex_r_deg + share * (to_elbow_flex_r_deg - from_elbow_flex_r_deg) AS elbow_flex_r_deg,
    from_pro_sup_r_deg + share * (to_pro_sup_r_deg - from_pro_sup_r_deg) AS pro_sup_r_deg,
    from_wrist_flex_r_deg + share * (to_wrist_flex_r_deg - from_wrist_flex_r_deg) AS wrist_flex_r_deg,
    from_wrist_dev_r_deg + share * (to_wrist_dev_r_deg - from_wrist_dev_r_deg) AS wrist_dev_r_deg,
    from_arm_flex_l_deg + share * (to_arm_flex_l_deg - from_arm_flex_l_deg) AS arm_flex_l_deg,
    from_arm_add_l_deg + share * (to_arm_add_l_deg - from_arm_add_l_deg) AS arm_add_l_deg,
    from_arm_rot_l_deg + share * (to_arm_rot_l_deg - from_arm_rot_l_deg) AS arm_rot_l_deg,
    from_elbow_flex_l_deg + share * (to_elbow_flex_l_deg - from_elbow_flex_l_deg) AS elbow_flex_l_deg,
    from_pro_sup_l_deg + share * (to_pro_sup_l_deg - from_pro_sup_l_deg) AS pro_sup_l_deg,
    from_wrist_flex_l_deg + share * (to_wrist_flex_l_deg - from_wrist_flex_l_deg) AS wrist_flex_l_deg,
    from_wrist_dev_l_deg + share * (to_wrist_dev_l_deg - from_wrist_dev_l_deg) AS wrist_dev_l_deg,
    from_neck_flexion_deg + share * (to_neck_flexion_deg - from_neck_flexion_deg) AS neck_flexion_deg,
    from_neck_bending_deg + share * (to_neck_bending_deg - from_neck_bending_deg) AS neck_bending_deg,
    from_neck_rotation_deg + share * (to_neck_rotation_deg - from_neck_rotation_deg) AS neck_rotation_deg,
    from_pelvis_tilt_sd_deg + share * (to_pelvis_tilt_sd_deg - from_pelvis_tilt_sd_deg) AS pelvis_tilt_sd_deg,
    from_pelvis_list_sd_deg + share * (to_pelvis_list_sd_deg - from_pelvis_list_sd_deg) AS pelvis_list_sd_deg,
    from_pelvis_rotation_sd_deg + share * (to_pelvis_rotation_sd_deg - from_pelvis_rotation_sd_deg) AS pelvis_rotation_sd_deg,
    from_pelvis_tx_sd_m + share * (to_pelvis_tx_sd_m - from_pelvis_tx_sd_m) AS pelvis_tx_sd_m,
    from_pelvis_ty_sd_m + share * (to_pelvis_ty_sd_m - from_pelvis_ty_sd_m) AS pelvis_ty_sd_m,
    from_pelvis_tz_sd_m + share * (to_pelvis_tz_sd_m - from_pelvis_tz_sd_m) AS pelvis_tz_sd_m,
    from_hip_flexion_r_sd_deg + share * (to_hip_flexion_r_sd_deg - from_hip_flexion_r_sd_deg) AS hip_flexion_r_sd_deg,
    from_hip_adduction_r_sd_deg + share * (to_hip_adduction_r_sd_deg - from_hip_adduction_r_sd_deg) AS hip_adduction_r_sd_deg,
    from_hip_rotation_r_sd_deg + share * (to_hip_rotation_r_sd_deg - from_hip_rotation_r_sd_deg) AS hip_rotation_r_sd_deg,
    from_knee_angle_r_sd_deg + share * (to_knee_angle_r_sd_deg - from_knee_angle_r_sd_deg) AS knee_angle_r_sd_deg,
    from_ankle_angle_r_sd_deg + share * (to_ankle_angle_r_sd_deg - from_ankle_angle_r_sd_deg) AS ankle_angle_r_sd_deg,
    from_subtalar_angle_r_sd_deg + share * (to_subtalar_angle_r_sd_deg - from_subtalar_angle_r_sd_deg) AS subtalar_angle_r_sd_deg,
    from_mtp_angle_r_sd_deg + share * (to_mtp_angle_r_sd_deg - from_mtp_angle_r_sd_deg) AS mtp_angle_r_sd_deg,
    from_hip_flexion_l_sd_deg + share * (to_hip_flexion_l_sd_deg - from_hip_flexion_l_sd_deg) AS hip_flexion_l_sd_deg,
    from_hip_adduction_l_sd_deg + share * (to_hip_adduction_l_sd_deg - from_hip_adduction_l_sd_deg) AS hip_adduction_l_sd_deg,
    from_hip_rotation_l_sd_deg + share * (to_hip_rotation_l_sd_deg - from_hip_rotation_l_sd_deg) AS hip_rotation_l_sd_deg,
    from_knee_angle_l_sd_deg + share * (to_knee_angle_l_sd_deg - from_knee_angle_l_sd_deg) AS knee_angle_l_sd_deg,
    from_ankle_angle_l_sd_deg + share * (to_ankle_angle_l_sd_deg - from_ankle_angle_l_sd_deg) AS ankle_angle_l_sd_deg,
    from_subtalar_angle_l_sd_deg + share * (to_subtalar_angle_l_sd_deg - from_subtalar_angle_l_sd_deg) AS subtalar_angle_l_sd_deg,
    from_mtp_angle_l_sd_deg + share * (to_mtp_angle_l_sd_deg - from_mtp_angle_l_sd_deg) AS mtp_angle_l_sd_deg,
    from_lumbar_extension_sd_deg + share * (to_lumbar_extension_sd_deg - from_lumbar_extension_sd_deg) AS lumbar_extension_sd_deg,
    from_lumbar_bending_sd_deg + share * (to_lumbar_bending_sd_deg - from_lumbar_bending_sd_deg) AS lumbar_bending_sd_deg,
    from_lumbar_rotation_sd_deg + share * (to_lumbar_rotation_sd_deg - from_lumbar_rotation_sd_deg) AS lumbar_rotation_sd_deg,
    from_arm_flex_r_sd_deg + share * (to_arm_flex_r_sd_deg - from_arm_flex_r_sd_deg) AS arm_flex_r_sd_deg,
    from_arm_add_r_sd_deg + share * (to_arm_add_r_sd_deg - from_arm_add_r_sd_deg) AS arm_add_r_sd_deg,
    from_arm_rot_r_sd_deg + share * (to_arm_rot_r_sd_deg - from_arm_rot_r_sd_deg) AS arm_rot_r_sd_deg,
    from_elbow_flex_r_sd_deg + share * (to_elbow_flex_r_sd_deg - from_elbow_flex_r_sd_deg) AS elbow_flex_r_sd_deg,
    from_pro_sup_r_sd_deg + share * (to_pro_sup_r_sd_deg - from_pro_sup_r_sd_deg) AS pro_sup_r_sd_deg,
    from_wrist_flex_r_sd_deg + share * (to_wrist_flex_r_sd_deg - from_wrist_flex_r_sd_deg) AS wrist_flex_r_sd_deg,
    from_wrist_dev_r_sd_deg + share * (to_wrist_dev_r_sd_deg - from_wrist_dev_r_sd_deg) AS wrist_dev_r_sd_deg,
    from_arm_flex_l_sd_deg + share * (to_arm_flex_l_sd_deg - from_arm_flex_l_sd_deg) AS arm_flex_l_sd_deg,
    from_arm_add_l_sd_deg + share * (to_arm_add_l_sd_deg - from_arm_add_l_sd_deg) AS arm_add_l_sd_deg,
    from_arm_rot_l_sd_deg + share * (to_arm_rot_l_sd_deg - from_arm_rot_l_sd_deg) AS arm_rot_l_sd_deg,
    from_elbow_flex_l_sd_deg + share * (to_elbow_flex_l_sd_deg - from_elbow_flex_l_sd_deg) AS elbow_flex_l_sd_deg,
    from_pro_sup_l_sd_deg + share * (to_pro_sup_l_sd_deg - from_pro_sup_l_sd_deg) AS pro_sup_l_sd_deg,
    from_wrist_flex_l_sd_deg + share * (to_wrist_flex_l_sd_deg - from_wrist_flex_l_sd_deg) AS wrist_flex_l_sd_deg,
    from_wrist_dev_l_sd_deg + share * (to_wrist_dev_l_sd_deg - from_wrist_dev_l_sd_deg) AS wrist_dev_l_sd_deg,
    from_neck_flexion_sd_deg + share * (to_neck_flexion_sd_deg - from_neck_flexion_sd_deg) AS neck_flexion_sd_deg,
    from_neck_bending_sd_deg + share * (to_neck_bending_sd_deg - from_neck_bending_sd_deg) AS neck_bending_sd_deg,
    from_neck_rotation_sd_deg + share * (to_neck_rotation_sd_deg - from_neck_rotation_sd_deg) AS neck_rotation_sd_deg
FROM placed;
