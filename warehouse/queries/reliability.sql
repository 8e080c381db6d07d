-- How reliable each metric is: its variance within sessions, between an athlete's sessions and between athletes.
-- Grain: a metric, activity, side, camera and method.
-- Note: components by the analysis of variance of nested, unbalanced groups (Searle 1971, Linear Models, ch. 11); a negative
--   estimate is 0. sem, the standard error of measurement, is of one trial on another day, and
--   smallest_detectable_change is 1.96 sqrt(2) sem, both in the metric's unit; icc is the share of the variance that lies
--   between athletes. Trends count as variance between sessions. With fewer than least_sessions sessions beyond each
--   athlete's first, or one athlete, there is no estimate of what these would tell. No intervals are given.
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- least_sessions: whole number, 1 or more = 5
-- Example: --param metric=knee_flexion_peak --param activity=countermovement_jump
WITH measured AS (
    SELECT
        metric.metric,
        metric.activity,
        metric.side,
        trial.camera,
        trial.method,
        metric.athlete_id,
        metric.session_id,
        metric.value,
        metric.unit
    FROM metric
    JOIN trial USING (trial_id)
    WHERE
        $metric IN (metric.metric, 'any')
        AND metric.value IS NOT NULL
        AND $activity IN (metric.activity, 'any')
        AND $team IN (metric.team_id, 'any')
),

per_session AS (
    SELECT
        metric,
        activity,
        side,
        camera,
        method,
        athlete_id,
        session_id,
        count(*) AS n,
        avg(value) AS session_mean,
        var_pop(value) * n AS squares_within,
        any_value(unit) AS unit
    FROM measured
    GROUP BY ALL
),

per_athlete AS (
    SELECT
        metric,
        activity,
        side,
        camera,
        method,
        athlete_id,
        count(*) AS sessions,
        sum(n) AS n_athlete,
        sum(n * session_mean) / n_athlete AS athlete_mean,
        sum(n * session_mean ** 2) - n_athlete * athlete_mean ** 2 AS squares_sessions,
        sum(squares_within) AS squares_within,
        sum(n * n) AS n_squared,
        any_value(unit) AS unit
    FROM per_session
    GROUP BY ALL
),

summed AS (
    SELECT
        metric,
        activity,
        side,
        camera,
        method,
        count(*) AS athletes,
        sum(sessions)::BIGINT AS sessions,
        sum(n_athlete)::BIGINT AS trials,
        sum(n_athlete * athlete_mean ** 2) - sum(n_athlete * athlete_mean) ** 2 / sum(n_athlete) AS squares_athletes,
        greatest(sum(squares_sessions), 0) AS squares_sessions,
        sum(squares_within) AS squares_within,
        sum(n_squared / n_athlete) AS n_squared_by_athlete,
        sum(n_squared) / sum(n_athlete) AS n_squared_by_all,
        sum(n_athlete ** 2) / sum(n_athlete) AS n_athlete_squared_by_all,
        any_value(unit) AS unit
    FROM per_athlete
    GROUP BY ALL
),

components AS (
    SELECT
        *,
        sessions - athletes AS repeated_sessions,
        squares_within / nullif(trials - sessions, 0) AS variance_within,
        greatest(
            (squares_sessions / nullif(repeated_sessions, 0) - variance_within)
            / ((trials - n_squared_by_athlete) / nullif(repeated_sessions, 0)),
            0
        ) AS variance_sessions,
        greatest(
            (
                squares_athletes / nullif(athletes - 1, 0)
                - variance_within
                - variance_sessions * (n_squared_by_athlete - n_squared_by_all) / nullif(athletes - 1, 0)
            )
            / ((trials - n_athlete_squared_by_all) / nullif(athletes - 1, 0)),
            0
        ) AS variance_athletes,
        repeated_sessions >= $least_sessions::INTEGER AND variance_within IS NOT NULL AS is_enough
    FROM summed
)

SELECT
    metric,
    activity,
    side,
    camera,
    method,
    sqrt(variance_within) AS sd_within_session,
    CASE WHEN is_enough THEN sqrt(variance_sessions) END AS sd_between_sessions,
    CASE WHEN is_enough AND athletes > 1 THEN sqrt(variance_athletes) END AS sd_between_athletes,
    CASE WHEN is_enough THEN sqrt(variance_within + variance_sessions) END AS sem,
    1.96 * sqrt(2) * sem AS smallest_detectable_change,
    CASE
        WHEN is_enough AND athletes > 1
            THEN variance_athletes / nullif(variance_athletes + variance_sessions + variance_within, 0)
    END AS icc,
    if(is_enough, 'enough sessions', 'not enough sessions') AS judgement,
    athletes,
    sessions,
    trials,
    unit
FROM components
ORDER BY metric, activity, side, camera, method;
