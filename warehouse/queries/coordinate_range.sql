-- Range and extremes of a coordinate straight from the frames, by athlete and activity; poor frames left out.
-- Grain: an athlete, activity and method of measuring.
-- Note: cameras and releases are those of the trials. A trial in which the coordinate does not move at all has no range, and
--   none enters mean_range: it is held there, as are forearm rotation and wrists on film, which no keypoint shows. Trials
--   that their motion contradicts (recognised_activities) are left out.
-- coordinate: column of kinematics, such as knee_angle_r_deg
-- least_quality: number, 0 to 1, of a frame = 0.5
-- Example: --param coordinate=knee_angle_r_deg
WITH frame AS (
    SELECT athlete_id, activity, trial_id, COLUMNS(lambda name: name = $coordinate) AS value
    FROM kinematics
    WHERE quality >= $least_quality::DOUBLE
),

trial_range AS (
    SELECT athlete_id, activity, trial_id, min(value) AS lowest, max(value) AS highest, count(value) AS frames
    FROM frame
    GROUP BY ALL
)

SELECT
    trial_range.athlete_id,
    trial_range.activity,
    trial.method,
    avg(nullif(highest - lowest, 0)) AS mean_range,
    avg(lowest) AS mean_lowest,
    avg(highest) AS mean_highest,
    count(*) AS trials,
    sum(trial_range.frames)::BIGINT AS frames,
    distinct_names(list(trial.camera)) AS cameras,
    distinct_names(list(trial.release)) AS releases
FROM trial_range
JOIN trial USING (trial_id)
ANTI JOIN contradicted_run USING (run_number)
GROUP BY ALL
ORDER BY trial_range.athlete_id, trial_range.activity, trial.method;
