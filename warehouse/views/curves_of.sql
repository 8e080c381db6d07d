-- Curves of the phases that a view lists, such as 'phase'.
-- Grain: a per cent of a phase, 0 to 100: coordinates interpolated linearly between frames, so that phases of different
-- lengths can be laid over each other. So are their standard deviations, as neighbouring frames share their errors. A
-- frame gives the per cents from its own time up to the next frame's: joined to the table of steps by their number, it
-- is repeated once for each. (Joins on equality alone are fast, and LATERAL or unnest would carry all
-- coordinates along where one is asked for: ten times as slow.)
CREATE OR REPLACE MACRO curves_of(phases) AS TABLE
WITH step AS (
    SELECT steps, unnest(range(steps)) AS step
    FROM range(1, 102) AS counts(steps)
),

interpolated AS (
    SELECT
        phase.trial_id,
        phase.team_id,
        phase.session_id,
        phase.athlete_id,
        phase.activity,
        phase.session_date,
        phase.phase,
        phase.side,
        phase.phase_number,
        (greatest(ceil(100 * (frame.time_s - phase.start_s) / (phase.end_s - phase.start_s)), 0) + step.step)::INTEGER
            AS percent,
        (phase.start_s + percent / 100 * (phase.end_s - phase.start_s) - frame.time_s)
        / (next_frame.time_s - frame.time_s) AS share,
        frame.pelvis_tilt_deg + share * (next_frame.pelvis_tilt_deg - frame.pelvis_tilt_deg) AS pelvis_tilt_deg,
        frame.pelvis_list_deg + share * (next_frame.pelvis_list_deg - frame.pelvis_list_deg) AS pelvis_list_deg,
        frame.pelvis_rotation_deg + share * (next_frame.pelvis_rotation_deg - frame.pelvis_rotation_deg) AS pelvis_rotation_deg,
        frame.pelvis_tx_m + share * (next_frame.pelvis_tx_m - frame.pelvis_tx_m) AS pelvis_tx_m,
        frame.pelvis_ty_m + share * (next_frame.pelvis_ty_m - frame.pelvis_ty_m) AS pelvis_ty_m,
        frame.pelvis_tz_m + share * (next_frame.pelvis_tz_m - frame.pelvis_tz_m) AS pelvis_tz_m,
        frame.hip_flexion_r_deg + share * (next_frame.hip_flexion_r_deg - frame.hip_flexion_r_deg) AS hip_flexion_r_deg,
        frame.hip_adduction_r_deg + share * (next_frame.hip_adduction_r_deg - frame.hip_adduction_r_deg) AS hip_adduction_r_deg,
        frame.hip_rotation_r_deg + share * (next_frame.hip_rotation_r_deg - frame.hip_rotation_r_deg) AS hip_rotation_r_deg,
        frame.knee_angle_r_deg + share * (next_frame.knee_angle_r_deg - frame.knee_angle_r_deg) AS knee_angle_r_deg,
        frame.ankle_angle_r_deg + share * (next_frame.ankle_angle_r_deg - frame.ankle_angle_r_deg) AS ankle_angle_r_deg,
        frame.subtalar_angle_r_deg + share * (next_frame.subtalar_angle_r_deg - frame.subtalar_angle_r_deg) AS subtalar_angle_r_deg,
        frame.mtp_angle_r_deg + share * (next_frame.mtp_angle_r_deg - frame.mtp_angle_r_deg) AS mtp_angle_r_deg,
        frame.hip_flexion_l_deg + share * (next_frame.hip_flexion_l_deg - frame.hip_flexion_l_deg) AS hip_flexion_l_deg,
        frame.hip_adduction_l_deg + share * (next_frame.hip_adduction_l_deg - frame.hip_adduction_l_deg) AS hip_adduction_l_deg,
        frame.hip_rotation_l_deg + share * (next_frame.hip_rotation_l_deg - frame.hip_rotation_l_deg) AS hip_rotation_l_deg,
        frame.knee_angle_l_deg + share * (next_frame.knee_angle_l_deg - frame.knee_angle_l_deg) AS knee_angle_l_deg,
        frame.ankle_angle_l_deg + share * (next_frame.ankle_angle_l_deg - frame.ankle_angle_l_deg) AS ankle_angle_l_deg,
        frame.subtalar_angle_l_deg + share * (next_frame.subtalar_angle_l_deg - frame.subtalar_angle_l_deg) AS subtalar_angle_l_deg,
        frame.mtp_angle_l_deg + share * (next_frame.mtp_angle_l_deg - frame.mtp_angle_l_deg) AS mtp_angle_l_deg,
        frame.lumbar_extension_deg + share * (next_frame.lumbar_extension_deg - frame.lumbar_extension_deg) AS lumbar_extension_deg,
        frame.lumbar_bending_deg + share * (next_frame.lumbar_bending_deg - frame.lumbar_bending_deg) AS lumbar_bending_deg,
        frame.lumbar_rotation_deg + share * (next_frame.lumbar_rotation_deg - frame.lumbar_rotation_deg) AS lumbar_rotation_deg,
        frame.arm_flex_r_deg + share * (next_frame.arm_flex_r_deg - frame.arm_flex_r_deg) AS arm_flex_r_deg,
        frame.arm_add_r_deg + share * (next_frame.arm_add_r_deg - frame.arm_add_r_deg) AS arm_add_r_deg,
        frame.arm_rot_r_deg + share * (next_frame.arm_rot_r_deg - frame.arm_rot_r_deg) AS arm_rot_r_deg,
        frame.elbow_flex_r_deg + share * (next_frame.elbow_flex_r_deg - frame.elbow_flex_r_deg) AS elbow_flex_r_deg,
        frame.pro_sup_r_deg + share * (next_frame.pro_sup_r_deg - frame.pro_sup_r_deg) AS pro_sup_r_deg,
        frame.wrist_flex_r_deg + share * (next_frame.wrist_flex_r_deg - frame.wrist_flex_r_deg) AS wrist_flex_r_deg,
        frame.wrist_dev_r_deg + share * (next_frame.wrist_dev_r_deg - frame.wrist_dev_r_deg) AS wrist_dev_r_deg,
        frame.arm_flex_l_deg + share * (next_frame.arm_flex_l_deg - frame.arm_flex_l_deg) AS arm_flex_l_deg,
        frame.arm_add_l_deg + share * (next_frame.arm_add_l_deg - frame.arm_add_l_deg) AS arm_add_l_deg,
        frame.arm_rot_l_deg + share * (next_frame.arm_rot_l_deg - frame.arm_rot_l_deg) AS arm_rot_l_deg,
        frame.elbow_flex_l_deg + share * (next_frame.elbow_flex_l_deg - frame.elbow_flex_l_deg) AS elbow_flex_l_deg,
        frame.pro_sup_l_deg + share * (next_frame.pro_sup_l_deg - frame.pro_sup_l_deg) AS pro_sup_l_deg,
        frame.wrist_flex_l_deg + share * (next_frame.wrist_flex_l_deg - frame.wrist_flex_l_deg) AS wrist_flex_l_deg,
        frame.wrist_dev_l_deg + share * (next_frame.wrist_dev_l_deg - frame.wrist_dev_l_deg) AS wrist_dev_l_deg,
        frame.neck_flexion_deg + share * (next_frame.neck_flexion_deg - frame.neck_flexion_deg) AS neck_flexion_deg,
        frame.neck_bending_deg + share * (next_frame.neck_bending_deg - frame.neck_bending_deg) AS neck_bending_deg,
        frame.neck_rotation_deg + share * (next_frame.neck_rotation_deg - frame.neck_rotation_deg) AS neck_rotation_deg,
        frame.pelvis_tilt_sd_deg + share * (next_frame.pelvis_tilt_sd_deg - frame.pelvis_tilt_sd_deg) AS pelvis_tilt_sd_deg,
        frame.pelvis_list_sd_deg + share * (next_frame.pelvis_list_sd_deg - frame.pelvis_list_sd_deg) AS pelvis_list_sd_deg,
        frame.pelvis_rotation_sd_deg + share * (next_frame.pelvis_rotation_sd_deg - frame.pelvis_rotation_sd_deg) AS pelvis_rotation_sd_deg,
        frame.pelvis_tx_sd_m + share * (next_frame.pelvis_tx_sd_m - frame.pelvis_tx_sd_m) AS pelvis_tx_sd_m,
        frame.pelvis_ty_sd_m + share * (next_frame.pelvis_ty_sd_m - frame.pelvis_ty_sd_m) AS pelvis_ty_sd_m,
        frame.pelvis_tz_sd_m + share * (next_frame.pelvis_tz_sd_m - frame.pelvis_tz_sd_m) AS pelvis_tz_sd_m,
        frame.hip_flexion_r_sd_deg + share * (next_frame.hip_flexion_r_sd_deg - frame.hip_flexion_r_sd_deg) AS hip_flexion_r_sd_deg,
        frame.hip_adduction_r_sd_deg + share * (next_frame.hip_adduction_r_sd_deg - frame.hip_adduction_r_sd_deg) AS hip_adduction_r_sd_deg,
        frame.hip_rotation_r_sd_deg + share * (next_frame.hip_rotation_r_sd_deg - frame.hip_rotation_r_sd_deg) AS hip_rotation_r_sd_deg,
        frame.knee_angle_r_sd_deg + share * (next_frame.knee_angle_r_sd_deg - frame.knee_angle_r_sd_deg) AS knee_angle_r_sd_deg,
        frame.ankle_angle_r_sd_deg + share * (next_frame.ankle_angle_r_sd_deg - frame.ankle_angle_r_sd_deg) AS ankle_angle_r_sd_deg,
        frame.subtalar_angle_r_sd_deg + share * (next_frame.subtalar_angle_r_sd_deg - frame.subtalar_angle_r_sd_deg) AS subtalar_angle_r_sd_deg,
        frame.mtp_angle_r_sd_deg + share * (next_frame.mtp_angle_r_sd_deg - frame.mtp_angle_r_sd_deg) AS mtp_angle_r_sd_deg,
        frame.hip_flexion_l_sd_deg + share * (next_frame.hip_flexion_l_sd_deg - frame.hip_flexion_l_sd_deg) AS hip_flexion_l_sd_deg,
        frame.hip_adduction_l_sd_deg + share * (next_frame.hip_adduction_l_sd_deg - frame.hip_adduction_l_sd_deg) AS hip_adduction_l_sd_deg,
        frame.hip_rotation_l_sd_deg + share * (next_frame.hip_rotation_l_sd_deg - frame.hip_rotation_l_sd_deg) AS hip_rotation_l_sd_deg,
        frame.knee_angle_l_sd_deg + share * (next_frame.knee_angle_l_sd_deg - frame.knee_angle_l_sd_deg) AS knee_angle_l_sd_deg,
        frame.ankle_angle_l_sd_deg + share * (next_frame.ankle_angle_l_sd_deg - frame.ankle_angle_l_sd_deg) AS ankle_angle_l_sd_deg,
        frame.subtalar_angle_l_sd_deg + share * (next_frame.subtalar_angle_l_sd_deg - frame.subtalar_angle_l_sd_deg) AS subtalar_angle_l_sd_deg,
        frame.mtp_angle_l_sd_deg + share * (next_frame.mtp_angle_l_sd_deg - frame.mtp_angle_l_sd_deg) AS mtp_angle_l_sd_deg,
        frame.lumbar_extension_sd_deg + share * (next_frame.lumbar_extension_sd_deg - frame.lumbar_extension_sd_deg) AS lumbar_extension_sd_deg,
        frame.lumbar_bending_sd_deg + share * (next_frame.lumbar_bending_sd_deg - frame.lumbar_bending_sd_deg) AS lumbar_bending_sd_deg,
        frame.lumbar_rotation_sd_deg + share * (next_frame.lumbar_rotation_sd_deg - frame.lumbar_rotation_sd_deg) AS lumbar_rotation_sd_deg,
        frame.arm_flex_r_sd_deg + share * (next_frame.arm_flex_r_sd_deg - frame.arm_flex_r_sd_deg) AS arm_flex_r_sd_deg,
        frame.arm_add_r_sd_deg + share * (next_frame.arm_add_r_sd_deg - frame.arm_add_r_sd_deg) AS arm_add_r_sd_deg,
        frame.arm_rot_r_sd_deg + share * (next_frame.arm_rot_r_sd_deg - frame.arm_rot_r_sd_deg) AS arm_rot_r_sd_deg,
        frame.elbow_flex_r_sd_deg + share * (next_frame.elbow_flex_r_sd_deg - frame.elbow_flex_r_sd_deg) AS elbow_flex_r_sd_deg,
        frame.pro_sup_r_sd_deg + share * (next_frame.pro_sup_r_sd_deg - frame.pro_sup_r_sd_deg) AS pro_sup_r_sd_deg,
        frame.wrist_flex_r_sd_deg + share * (next_frame.wrist_flex_r_sd_deg - frame.wrist_flex_r_sd_deg) AS wrist_flex_r_sd_deg,
        frame.wrist_dev_r_sd_deg + share * (next_frame.wrist_dev_r_sd_deg - frame.wrist_dev_r_sd_deg) AS wrist_dev_r_sd_deg,
        frame.arm_flex_l_sd_deg + share * (next_frame.arm_flex_l_sd_deg - frame.arm_flex_l_sd_deg) AS arm_flex_l_sd_deg,
        frame.arm_add_l_sd_deg + share * (next_frame.arm_add_l_sd_deg - frame.arm_add_l_sd_deg) AS arm_add_l_sd_deg,
        frame.arm_rot_l_sd_deg + share * (next_frame.arm_rot_l_sd_deg - frame.arm_rot_l_sd_deg) AS arm_rot_l_sd_deg,
        frame.elbow_flex_l_sd_deg + share * (next_frame.elbow_flex_l_sd_deg - frame.elbow_flex_l_sd_deg) AS elbow_flex_l_sd_deg,
        frame.pro_sup_l_sd_deg + share * (next_frame.pro_sup_l_sd_deg - frame.pro_sup_l_sd_deg) AS pro_sup_l_sd_deg,
        frame.wrist_flex_l_sd_deg + share * (next_frame.wrist_flex_l_sd_deg - frame.wrist_flex_l_sd_deg) AS wrist_flex_l_sd_deg,
        frame.wrist_dev_l_sd_deg + share * (next_frame.wrist_dev_l_sd_deg - frame.wrist_dev_l_sd_deg) AS wrist_dev_l_sd_deg,
        frame.neck_flexion_sd_deg + share * (next_frame.neck_flexion_sd_deg - frame.neck_flexion_sd_deg) AS neck_flexion_sd_deg,
        frame.neck_bending_sd_deg + share * (next_frame.neck_bending_sd_deg - frame.neck_bending_sd_deg) AS neck_bending_sd_deg,
        frame.neck_rotation_sd_deg + share * (next_frame.neck_rotation_sd_deg - frame.neck_rotation_sd_deg) AS neck_rotation_sd_deg
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

SELECT * EXCLUDE (share)
FROM interpolated;
