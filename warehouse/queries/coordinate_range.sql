-- Range and extremes of a coordinate straight from the frames, by athlete and activity; poor frames left out.
-- Grain: an athlete and activity.
-- coordinate: column of kinematics, such as knee_angle_r_deg
-- least_quality: number, of a frame, 0 to 1 = 0.5
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
    athlete_id,
    activity,
    avg(highest - lowest) AS mean_range,
    avg(lowest) AS mean_lowest,
    avg(highest) AS mean_highest,
    count(*) AS trials,
    sum(frames)::BIGINT AS frames
FROM trial_range
GROUP BY ALL
ORDER BY athlete_id, activity;
