-- Each metric of one athlete, session by session, and how far each session is from the first.
-- Grain: a session, metric, activity and side.
-- Note: measurement_sd is the measurement's own standard deviation, as if the trials of a session shared their errors; a
--   change is beyond measurement noise where it exceeds 1.96 standard deviations of the difference. It says nothing of
--   the athlete's own variation from day to day; before_after does. releases are those that measured the trials, and
--   release_changed that they are others than in the session before: a change may come from them (release_offsets).
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
WITH per_session AS (
    SELECT
        session_date,
        session_id,
        metric,
        activity,
        side,
        avg(value) AS mean_value,
        sqrt(avg(sd * sd)) AS measurement_sd,
        stddev_samp(value) AS sd_between_trials,
        count(*) AS trials,
        string_agg(DISTINCT release, ', ' ORDER BY release) AS releases,
        any_value(unit) AS unit
    FROM metric
    WHERE
        athlete_id = $athlete
        AND $metric IN (metric, 'any')
        AND value IS NOT NULL
        AND $activity IN (activity, 'any')
        AND session_date BETWEEN $since::DATE AND $until::DATE
    GROUP BY ALL
),

compared AS (
    SELECT
        *,
        mean_value - first_value(mean_value) OVER in_order AS change,
        sqrt(measurement_sd ** 2 + (first_value(measurement_sd) OVER in_order) ** 2) AS change_sd,
        coalesce(releases <> lag(releases) OVER in_order, false) AS release_changed,
        row_number() OVER in_order AS session_number
    FROM per_session
    WINDOW in_order AS (PARTITION BY metric, activity, side ORDER BY session_date, session_id)
)

SELECT
    session_date,
    session_id,
    metric,
    activity,
    side,
    mean_value,
    measurement_sd,
    sd_between_trials,
    trials,
    CASE WHEN session_number > 1 THEN change END AS change,
    CASE WHEN session_number > 1 THEN change_sd END AS change_sd,
    CASE
        WHEN session_number = 1 THEN 'first session'
        WHEN change_sd IS NULL THEN 'deviation not known'
        WHEN abs(change) > 1.96 * change_sd THEN 'beyond measurement noise'
        ELSE 'within measurement noise'
    END AS judgement,
    unit,
    releases,
    release_changed
FROM compared
ORDER BY metric, activity, side, session_date, session_id;
