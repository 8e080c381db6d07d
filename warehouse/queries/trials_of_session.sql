-- The trials of one session.
-- Grain: a trial.
-- session: one of trial.session_id, such as blue/2026-11-25-jumps
-- Example: --param session=blue/2026-11-25-jumps
SELECT trial_id, athlete_id, activity, video, frames, method, run_id, artifacts
FROM trial
WHERE session_id = $session
ORDER BY trial_id;
