-- Each metric of one athlete, session by session, how far each session is from the first, and whether that is real.
-- Grain: a session, metric, activity, side and method of measuring.
-- Note: noise_sd is by how much the sessions of one athlete differ: the standard deviation between them, pooled over the
--   team's other athletes (noise_sessions beyond each one's first); their trends are in it. A change is real
--   where it exceeds detectable_change: t sqrt(2) noise_sd, the smallest detectable change of two sessions (Weir 2005, J
--   Strength Cond Res 19:231; t at 97.5 % with noise_sessions degrees of freedom), and 1.96 standard deviations of the
--   measurement's own error, as if the trials of a session shared it, change_sd; the error of the anatomical frames,
--   constant_sd of metric, is in measurement_sd and not in change_sd: it is the same in every session and cancels. With
--   fewer than least_sessions there is no judgement.
--   Where a session's cameras or releases are not those of the first, the change may be theirs: measured otherwise.
--   release_changed: the releases are others than in the session before (release_offsets).
-- athlete: one of trial.athlete_id, such as blue/ann
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- since: date, of the first session = 1900-01-01
-- until: date, of the last session = 2999-12-31
-- least_sessions: whole number, 1 or more, beyond each other athlete's first = 5
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak
WITH per_session AS (
    SELECT
        metric.athlete_id,
        metric.session_date,
        metric.session_id,
        metric.metric,
        metric.activity,
        metric.side,
        trial.method,
        avg(metric.value) AS mean_value,
        sqrt(avg(metric.sd * metric.sd)) AS measurement_sd,
        avg(metric.sd * metric.sd - coalesce(metric.constant_sd, 0) ** 2) AS variance_between,
        stddev_samp(metric.value) AS sd_between_trials,
        count(*) AS trials,
        list(trial.camera) FILTER (metric.athlete_id = $athlete) AS cameras,
        list(trial.release) FILTER (metric.athlete_id = $athlete) AS releases,
        any_value(metric.unit) AS unit
    FROM metric
    JOIN trial USING (trial_id)
    WHERE
        metric.team_id = (SELECT team_id FROM athlete WHERE athlete_id = $athlete)
        AND $metric IN (metric.metric, 'any')
        AND metric.value IS NOT NULL
        AND $activity IN (metric.activity, 'any')
    GROUP BY ALL
),

per_athlete AS (
    SELECT metric, activity, side, method, count(*) - 1 AS beyond_first, var_samp(mean_value) * beyond_first AS squares
    FROM per_session
    WHERE athlete_id <> $athlete
    GROUP BY athlete_id, metric, activity, side, method
    HAVING count(*) > 1
),

noise AS (
    SELECT
        metric,
        activity,
        side,
        method,
        sum(beyond_first)::BIGINT AS noise_sessions,
        sqrt(sum(squares) / sum(beyond_first)) AS noise_sd,
        student_t_quantile(0.975, sum(beyond_first)) * sqrt(2) * noise_sd AS detectable_by_noise
    FROM per_athlete
    GROUP BY metric, activity, side, method
),

shown AS (
    SELECT
        * REPLACE (
            distinct_names(cameras) AS cameras,
            distinct_names(releases) AS releases
        )
    FROM per_session
    WHERE athlete_id = $athlete AND session_date BETWEEN $since::DATE AND $until::DATE
),

compared AS (
    SELECT
        *,
        mean_value - first_value(mean_value) OVER in_order AS change,
        sqrt(variance_between + first_value(variance_between) OVER in_order) AS change_sd,
        (cameras, releases) IS DISTINCT FROM first_value((cameras, releases)) OVER in_order AS is_measured_otherwise,
        coalesce(releases <> lag(releases) OVER in_order, false) AS release_changed,
        row_number() OVER in_order AS session_number
    FROM shown
    WINDOW in_order AS (PARTITION BY metric, activity, side, method ORDER BY session_date, session_id)
),

with_noise AS (
    SELECT
        compared.*,
        coalesce(noise.noise_sessions, 0) AS noise_sessions,
        noise.noise_sd,
        coalesce(noise.noise_sessions, 0) >= $least_sessions::INTEGER AS is_enough,
        greatest(
            noise.detectable_by_noise,
            coalesce(1.96 * compared.change_sd, 0)
        ) AS detectable
    FROM compared
    LEFT JOIN noise USING (metric, activity, side, method)
)

SELECT
    session_date,
    session_id,
    metric,
    activity,
    side,
    method,
    mean_value,
    measurement_sd,
    sd_between_trials,
    trials,
    CASE WHEN session_number > 1 THEN change END AS change,
    CASE WHEN session_number > 1 THEN change_sd END AS change_sd,
    CASE WHEN session_number > 1 AND is_enough THEN detectable END AS detectable_change,
    CASE
        WHEN session_number = 1 THEN 'first session'
        WHEN NOT is_enough THEN 'not enough sessions'
        WHEN is_measured_otherwise THEN 'measured otherwise'
        WHEN abs(change) > detectable THEN 'real'
        ELSE 'within noise'
    END AS judgement,
    noise_sd,
    noise_sessions,
    cameras,
    releases,
    release_changed,
    unit
FROM with_noise
ORDER BY metric, activity, side, method, session_date, session_id;
