-- The trials of one session.
-- session: team/session
SELECT
    trial.trial_id,
    athlete_id,
    activity,
    video,
    frames,
    method,
    run_id,
    artifacts
FROM trial
JOIN run ON run_number = current_run_number
WHERE session_id = $session
ORDER BY trial.trial_id;
