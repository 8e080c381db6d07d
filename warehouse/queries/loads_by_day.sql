-- Days on which the current runs of trials were loaded, the newest first; a run that was loaded again counts once.
-- Grain: a day, in UTC.
WITH loaded AS (
    SELECT run_number, max(make_timestamp(epoch_us(loaded_at))) AS loaded_at_utc
    FROM load_record
    GROUP BY run_number
)

SELECT
    loaded.loaded_at_utc::DATE AS day,
    count(DISTINCT trial.trial_id) AS trials,
    count(DISTINCT trial.session_id) AS sessions
FROM loaded
JOIN trial USING (run_number)
GROUP BY day
ORDER BY day DESC;
