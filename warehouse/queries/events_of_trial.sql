-- The events of one trial in the order of time, with the standard deviation of each time.
-- Grain: an event and side.
-- trial: one of trial.trial_id, such as blue/2026-11-25-jumps/jump1
-- Example: --param trial=blue/2026-11-25-jumps/jump1
SELECT time_s, event, side, sd_s, frame_index
FROM event
WHERE trial_id = $trial
ORDER BY time_s, event, side;
