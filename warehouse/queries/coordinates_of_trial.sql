-- Every coordinate of one trial, a row a frame: angles in degrees, positions in metres.
-- trial: team/session/trial
SELECT * EXCLUDE (trial_id, athlete_id, activity, session_date)
FROM current_kinematics
WHERE trial_id = $trial
ORDER BY frame_index;
