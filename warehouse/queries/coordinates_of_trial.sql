-- Every coordinate of one trial, a row a frame: angles in degrees, positions in metres.
-- Grain: a frame.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT * EXCLUDE (trial_id, team_id, session_id, session_date, athlete_id, activity)
FROM kinematics
WHERE trial_id = $trial
ORDER BY frame_index;
