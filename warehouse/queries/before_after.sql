-- Each metric of each athlete before a date and from it on, such as an injury's or a new programme's.
-- Grain: an athlete, metric, activity, side and method of measuring.
-- Note: the 95 % interval of the change is Student's t over the means of the sessions (equal variances, 2 sides), so it
--   holds the athlete's own variation from session to session as well as the measurement's. What is the same in every
--   session, such as a camera that always sees one side, is not in it; nor is the error of the anatomical frames,
--   constant_sd of metric, in change_measurement_sd: it is the same before and after and cancels. Where cameras or
--   releases of the sessions before are not those after, the change may be theirs: it is judged measured otherwise; where
--   release_changed, it holds the difference of the releases (release_offsets).
-- date: date, the first of the time after
-- athlete: one of trial.athlete_id, such as blue/ann = any
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- least_sessions: whole number, 2 or more, on each side of the date = 3
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak --param date=2026-12-01
WITH chosen AS (
    SELECT
        run_number,
        athlete_id,
        activity,
        method,
        camera,
        release,
        session_date >= $date::DATE AS is_after,
        -- Groups of millions of rows are found faster by a number than by names.
        (dense_rank() OVER (ORDER BY athlete_id, activity, method))::INTEGER AS athlete_number,
        (dense_rank() OVER (ORDER BY athlete_id, activity, method, session_id))::INTEGER AS session_number,
        (dense_rank() OVER (ORDER BY athlete_id, activity, method, is_after, camera, release))::INTEGER
            AS recording_number
    FROM trial
    WHERE
        $athlete IN (athlete_id, 'any')
        AND $activity IN (activity, 'any')
        AND $team IN (team_id, 'any')
),

measured AS (
    SELECT athlete_number, session_number, recording_number, is_after, metric, side, value, sd, constant_sd, unit
    FROM chosen
    JOIN metric_of_every_run USING (run_number)
    WHERE $metric IN (metric, 'any') AND isfinite(value)
),

recorded AS (
    SELECT
        metric,
        side,
        athlete_number,
        distinct_names(list(camera) FILTER (NOT is_after)) AS cameras_before,
        distinct_names(list(camera) FILTER (is_after)) AS cameras_after,
        distinct_names(list(release) FILTER (NOT is_after)) AS releases_before,
        distinct_names(list(release) FILTER (is_after)) AS releases_after,
        any_value(unit) AS unit
    FROM (SELECT DISTINCT metric, side, recording_number, unit FROM measured)
    JOIN (SELECT DISTINCT recording_number, athlete_number, is_after, camera, release FROM chosen)
        USING (recording_number)
    GROUP BY metric, side, athlete_number
),

per_session AS (
    SELECT
        metric,
        side,
        any_value(athlete_number) AS athlete_number,
        any_value(is_after) AS is_after,
        avg(value) AS mean_value,
        avg(sd * sd - coalesce(constant_sd, 0) ** 2) FILTER (isfinite(sd)) AS measurement_variance,
        count(*) AS trials
    FROM measured
    GROUP BY metric, side, session_number
),

compared AS (
    SELECT
        metric,
        side,
        athlete_number,
        avg(mean_value) FILTER (NOT is_after) AS mean_before,
        avg(mean_value) FILTER (is_after) AS mean_after,
        mean_after - mean_before AS change,
        count(*) FILTER (NOT is_after) AS sessions_before,
        count(*) FILTER (is_after) AS sessions_after,
        sqrt(
            avg(measurement_variance) FILTER (NOT is_after)
            + avg(measurement_variance) FILTER (is_after)
        ) AS change_measurement_sd,
        sessions_before + sessions_after - 2 AS freedom,
        sqrt(
            (
                coalesce(var_samp(mean_value) FILTER (NOT is_after) * (sessions_before - 1), 0)
                + coalesce(var_samp(mean_value) FILTER (is_after) * (sessions_after - 1), 0)
            )
            / nullif(freedom, 0) * (1 / nullif(sessions_before, 0) + 1 / nullif(sessions_after, 0))
        ) AS change_se,
        sum(trials)::BIGINT AS trials
    FROM per_session
    GROUP BY metric, side, athlete_number
),

judged AS (
    SELECT
        *,
        least(sessions_before, sessions_after) >= $least_sessions::INTEGER AS is_enough,
        student_t_quantile(0.975, nullif(freedom, 0)) * change_se AS half_interval
    FROM compared
    JOIN recorded USING (metric, side, athlete_number)
    JOIN (SELECT DISTINCT athlete_number, athlete_id, activity, method FROM chosen) USING (athlete_number)
)

SELECT
    athlete_id,
    metric,
    activity,
    side,
    method,
    mean_before,
    mean_after,
    change,
    CASE WHEN is_enough THEN change - half_interval END AS change_low,
    CASE WHEN is_enough THEN change + half_interval END AS change_high,
    CASE
        WHEN NOT is_enough THEN 'not enough sessions'
        WHEN (cameras_before, releases_before) IS DISTINCT FROM (cameras_after, releases_after) THEN 'measured otherwise'
        WHEN abs(change) > half_interval THEN 'real'
        ELSE 'within noise'
    END AS judgement,
    change_measurement_sd,
    sessions_before,
    sessions_after,
    trials,
    cameras_before,
    cameras_after,
    releases_before,
    releases_after,
    coalesce(releases_before <> releases_after, false) AS release_changed,
    unit
FROM judged
ORDER BY athlete_id, metric, activity, side, method;
