-- How reliable each metric is: its variance within sessions, between an athlete's sessions and between athletes.
-- Grain: a metric, activity, side, camera and method.
-- Note: components by the analysis of variance of nested, unbalanced groups (Searle 1971, Linear Models, ch. 11); a negative
--   estimate is 0. sem, the standard error of measurement, is of one trial on another day, and
--   smallest_detectable_change is 1.96 sqrt(2) sem, both in the metric's unit; icc is the share of the variance that lies
--   between athletes, ICC(1,1). Trends count as variance between sessions. Low and high are the ends of 95 % intervals: of
--   sem by chi-square, of icc by F (Shrout & Fleiss 1979, Psychol Bull 86:420; McGraw & Wong 1996, Psychol Methods 1:30; below
--   0 means 0). They are exact where each athlete has as many sessions of one trial each; otherwise with Satterthwaite's
--   (1946, Biometrics 2:110) degrees of freedom. Where every session has one trial, the variances within and between
--   sessions are not known apart. With fewer than least_sessions sessions beyond each athlete's first, or one athlete,
--   there is no estimate of what these would tell. releases are those that measured the trials: their differences are
--   in the variance between sessions.
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- least_sessions: whole number, 1 or more = 5
-- Example: --param metric=knee_flexion_peak --param activity=countermovement_jump
WITH chosen AS (
    SELECT
        run_number,
        activity,
        camera,
        method,
        release,
        -- Groups of millions of rows are found faster by a number than by names.
        (dense_rank() OVER (ORDER BY athlete_id, activity, camera, method))::INTEGER AS athlete_number,
        (dense_rank() OVER (ORDER BY athlete_id, activity, camera, method, session_id))::INTEGER AS session_number,
        (dense_rank() OVER (ORDER BY activity, camera, method, release))::INTEGER AS release_number
    FROM trial
    WHERE $activity IN (activity, 'any') AND $team IN (team_id, 'any')
),

measured AS (
    SELECT athlete_number, session_number, release_number, metric, side, value, unit
    FROM chosen
    JOIN metric_of_every_run USING (run_number)
    WHERE $metric IN (metric, 'any') AND isfinite(value)
),

released AS (
    SELECT
        metric,
        side,
        activity,
        camera,
        method,
        distinct_names(list(release)) AS releases,
        any_value(unit) AS unit
    FROM (SELECT DISTINCT metric, side, release_number, unit FROM measured)
    JOIN (SELECT DISTINCT release_number, activity, camera, method, release FROM chosen) USING (release_number)
    GROUP BY metric, side, activity, camera, method
),

per_session AS (
    SELECT
        metric,
        side,
        any_value(athlete_number) AS athlete_number,
        count(*) AS n,
        avg(value) AS session_mean,
        var_pop(value) * n AS squares_within
    FROM measured
    GROUP BY metric, side, session_number
),

per_athlete AS (
    SELECT
        metric,
        side,
        athlete_number,
        count(*) AS sessions,
        sum(n) AS n_athlete,
        sum(n * session_mean) / n_athlete AS athlete_mean,
        sum(n * session_mean ** 2) - n_athlete * athlete_mean ** 2 AS squares_sessions,
        sum(squares_within) AS squares_within,
        sum(n * n) AS n_squared
    FROM per_session
    GROUP BY metric, side, athlete_number
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
        (sum(sessions) - sum(sessions ** 2) / sum(sessions)) / nullif(count(*) - 1, 0) AS sessions_an_athlete
    FROM per_athlete
    JOIN (SELECT DISTINCT athlete_number, activity, camera, method FROM chosen) USING (athlete_number)
    GROUP BY metric, activity, side, camera, method
),

components AS (
    SELECT
        *,
        sessions - athletes AS repeated_sessions,
        (trials - n_squared_by_athlete) / nullif(repeated_sessions, 0) AS trials_a_session,
        squares_within / nullif(trials - sessions, 0) AS variance_within,
        coalesce(variance_within, 0) AS variance_within_known,
        squares_sessions / nullif(repeated_sessions, 0) AS mean_square_sessions,
        greatest((mean_square_sessions - variance_within_known) / trials_a_session, 0) AS variance_sessions,
        (
            squares_athletes / nullif(athletes - 1, 0)
            - variance_within_known
            - variance_sessions * (n_squared_by_athlete - n_squared_by_all) / nullif(athletes - 1, 0)
        )
        / nullif((trials - n_athlete_squared_by_all) / nullif(athletes - 1, 0), 0) AS variance_athletes,
        repeated_sessions >= $least_sessions::INTEGER AS is_enough,
        is_enough AND athletes > 1 AS is_enough_for_icc
    FROM summed
),

of_one_trial AS (
    SELECT
        *,
        variance_within_known + variance_sessions AS sem_squared,
        (mean_square_sessions / trials_a_session + (1 - 1 / trials_a_session) * variance_within_known) ** 2
        / nullif(
            (mean_square_sessions / trials_a_session) ** 2 / repeated_sessions
            + coalesce(((1 - 1 / trials_a_session) * variance_within) ** 2 / nullif(trials - sessions, 0), 0),
            0
        ) AS freedom,
        greatest(1 + sessions_an_athlete * variance_athletes / nullif(sem_squared, 0), 0) AS f
    FROM components
),

bounds AS (
    SELECT
        *,
        sqrt(freedom / chi_square_quantile(0.975, freedom)) AS low,
        sqrt(freedom / chi_square_quantile(0.025, freedom)) AS high,
        f / f_quantile(0.975, (athletes - 1)::DOUBLE, freedom) AS f_low,
        f / f_quantile(0.025, (athletes - 1)::DOUBLE, freedom) AS f_high
    FROM of_one_trial
)

SELECT
    metric,
    activity,
    side,
    camera,
    method,
    sqrt(variance_within) AS sd_within_session,
    CASE WHEN is_enough AND variance_within IS NOT NULL THEN sqrt(variance_sessions) END AS sd_between_sessions,
    CASE WHEN is_enough_for_icc THEN sqrt(greatest(variance_athletes, 0)) END AS sd_between_athletes,
    CASE WHEN is_enough THEN sqrt(sem_squared) END AS sem,
    sem * low AS sem_low,
    sem * high AS sem_high,
    1.96 * sqrt(2) * sem AS smallest_detectable_change,
    smallest_detectable_change * low AS smallest_detectable_change_low,
    smallest_detectable_change * high AS smallest_detectable_change_high,
    CASE
        WHEN is_enough_for_icc
            THEN greatest(variance_athletes, 0) / nullif(greatest(variance_athletes, 0) + sem_squared, 0)
    END AS icc,
    CASE WHEN is_enough_for_icc THEN (f_low - 1) / (f_low + sessions_an_athlete - 1) END AS icc_low,
    CASE WHEN is_enough_for_icc THEN (f_high - 1) / (f_high + sessions_an_athlete - 1) END AS icc_high,
    if(is_enough, 'enough sessions', 'not enough sessions') AS judgement,
    athletes,
    sessions,
    trials,
    releases,
    unit
FROM bounds
JOIN released USING (metric, activity, side, camera, method)
ORDER BY metric, activity, side, camera, method;
