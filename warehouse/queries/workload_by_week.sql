-- What each athlete did a week, as far as it was filmed: steps, jumps, trials with a deep landing; and the ratio of each week's
--   jumps and steps to the weeks before (acute to chronic).
-- Grain: an athlete and a week (from Monday) with trials.
-- Note: steps are foot strikes in walking, running and sprinting. trials_without_step_count are those in which steps may be
--   missing, since a foot was not observed: steps are then at least so many; trials_without_jump_count likewise, such as a
--   recording that ends in a flight. methods are those by which the week's trials were measured; they do not find the same events. The flights of running and sprinting are no jumps, nor is the step off
--   a box; a deep landing is that of a trial's longest jump, or in a drop jump that off the box. Counts only what was
--   filmed; a week without trials is unknown, not rest. The chronic load is the mean of those of the four weeks before that
--   have trials, the week itself left out (Lolli et al. 2019, Br J Sports Med 53:921), and is null with fewer than
--   least_weeks. The ratio describes; that it predicts injuries is disputed (Impellizzeri et al. 2020, Int J Sports Physiol
--   Perform 15:907).
-- team: one of trial.team_id = any
-- athlete: one of trial.athlete_id = any
-- deep_deg: number, knee flexion from which a landing is deep = 90
-- least_weeks: whole number, 1 or more, of the four before = 3
-- Example: --param athlete=blue/ann
WITH filmed AS (
    SELECT athlete_id, date_trunc('week', session_date)::DATE AS week, trial_id, method
    FROM trial
    WHERE $team IN (team_id, 'any') AND $athlete IN (athlete_id, 'any')
),

counted AS (
    SELECT
        trial_id,
        count(*) FILTER (event = 'foot_strike' AND activity IN ('walk', 'run', 'sprint')) AS steps,
        count(DISTINCT time_s) FILTER (event = 'take_off' AND activity NOT IN ('run', 'sprint')) AS jumps
    FROM event
    GROUP BY trial_id
),

not_counted AS (
    SELECT
        trial_id,
        max((metric = 'step_count')::INTEGER) AS trials_without_step_count,
        max((metric = 'jump_count')::INTEGER) AS trials_without_jump_count
    FROM metric
    WHERE metric IN ('step_count', 'jump_count') AND value IS NULL
    GROUP BY trial_id
),

deep AS (
    SELECT trial_id, 1 AS trials_with_deep_landing
    FROM metric
    WHERE metric IN ('knee_flexion_landing_peak', 'knee_flexion_drop_landing_peak')
    GROUP BY trial_id
    HAVING max(value) >= $deep_deg::DOUBLE
),

weekly AS (
    SELECT
        athlete_id,
        week,
        count(*) AS trials,
        coalesce(sum(steps), 0)::BIGINT AS steps,
        coalesce(sum(trials_without_step_count), 0)::BIGINT AS trials_without_step_count,
        coalesce(sum(jumps), 0)::BIGINT AS jumps,
        coalesce(sum(trials_without_jump_count), 0)::BIGINT AS trials_without_jump_count,
        coalesce(sum(trials_with_deep_landing), 0)::BIGINT AS trials_with_deep_landing,
        distinct_names(list(method)) AS methods
    FROM filmed
    LEFT JOIN counted USING (trial_id)
    LEFT JOIN not_counted USING (trial_id)
    LEFT JOIN deep USING (trial_id)
    GROUP BY athlete_id, week
),

with_chronic AS (
    SELECT
        *,
        count(*) OVER before_it AS chronic_weeks,
        avg(steps) OVER before_it AS chronic_steps,
        avg(jumps) OVER before_it AS chronic_jumps
    FROM weekly
    WINDOW before_it AS (
        PARTITION BY athlete_id ORDER BY week
        RANGE BETWEEN INTERVAL 28 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
    )
)

SELECT
    athlete_id,
    week,
    trials,
    methods,
    steps,
    trials_without_step_count,
    jumps,
    trials_without_jump_count,
    trials_with_deep_landing,
    chronic_weeks,
    CASE WHEN chronic_weeks >= $least_weeks::INTEGER THEN chronic_steps END AS chronic_steps,
    CASE WHEN chronic_weeks >= $least_weeks::INTEGER THEN chronic_jumps END AS chronic_jumps,
    CASE WHEN chronic_weeks >= $least_weeks::INTEGER THEN steps / nullif(chronic_steps, 0) END AS steps_acute_to_chronic,
    CASE WHEN chronic_weeks >= $least_weeks::INTEGER THEN jumps / nullif(chronic_jumps, 0) END AS jumps_acute_to_chronic
FROM with_chronic
ORDER BY athlete_id, week;
