-- Each metric of each athlete before a date against from that date on, such as an injury's or a new programme's.
-- Grain: an athlete, metric, activity and side.
-- Note: the 95 % interval of the change is Student's t over the means of the sessions (equal variances, 2 sides), so it
--   holds the athlete's own variation from session to session as well as the measurement's. What is the same in every
--   session, such as a camera that always sees one side, is not in it. Where release_changed, the sessions were measured with
--   more than one release, and the change may hold their difference (release_offsets).
-- date: date, the first of the time after
-- athlete: one of trial.athlete_id, such as blue/ann = any
-- metric: one of metric.metric, such as knee_flexion_peak = any
-- activity: one of trial.activity = any
-- team: one of trial.team_id = any
-- least_sessions: whole number, 2 or more, on each side of the date = 3
-- Example: --param athlete=blue/ann --param metric=knee_flexion_peak --param date=2026-12-01
WITH per_session AS (
    SELECT
        athlete_id,
        metric,
        activity,
        side,
        session_date >= $date::DATE AS is_after,
        avg(value) AS mean_value,
        avg(sd * sd) AS measurement_variance,
        count(*) AS trials,
        string_agg(DISTINCT release, ', ' ORDER BY release) AS releases,
        any_value(unit) AS unit
    FROM metric
    WHERE
        $athlete IN (athlete_id, 'any')
        AND $metric IN (metric, 'any')
        AND $activity IN (activity, 'any')
        AND $team IN (team_id, 'any')
        AND value IS NOT NULL
    GROUP BY athlete_id, metric, activity, side, is_after, session_id
),

compared AS (
    SELECT
        athlete_id,
        metric,
        activity,
        side,
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
        sum(trials)::BIGINT AS trials,
        count(DISTINCT releases) > 1 AS release_changed,
        any_value(unit) AS unit
    FROM per_session
    GROUP BY athlete_id, metric, activity, side
),

judged AS (
    SELECT
        *,
        least(sessions_before, sessions_after) >= $least_sessions::INTEGER AS is_enough,
        -- Student's t at 97.5 %, by degrees of freedom; from 31 on Cornish and Fisher's expansion
        CASE
            WHEN freedom <= 30 THEN [
                12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
                2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
                2.0518, 2.0484, 2.0452, 2.0423
            ][freedom]::DOUBLE
            ELSE 1.959964 + (1.959964 ** 3 + 1.959964) / (4 * freedom)
        END * change_se AS half_interval
    FROM compared
)

SELECT
    athlete_id,
    metric,
    activity,
    side,
    mean_before,
    mean_after,
    change,
    CASE WHEN is_enough THEN change - half_interval END AS change_low,
    CASE WHEN is_enough THEN change + half_interval END AS change_high,
    CASE
        WHEN NOT is_enough THEN 'not enough sessions'
        WHEN abs(change) > half_interval THEN 'real'
        ELSE 'within noise'
    END AS judgement,
    change_measurement_sd,
    sessions_before,
    sessions_after,
    trials,
    unit,
    release_changed
FROM judged
ORDER BY athlete_id, metric, activity, side;
