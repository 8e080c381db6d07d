-- Days on which trials were loaded, the newest first.
-- Grain: a day, in UTC.
SELECT
    make_timestamp(epoch_us(load_record.loaded_at))::DATE AS day,
    count(DISTINCT trial.trial_id) AS trials,
    count(DISTINCT trial.session_id) AS sessions
FROM load_record
JOIN trial USING (run_number)
GROUP BY day
ORDER BY day DESC;
