-- Normative bands of one metric over all teams, by sex, age and activity.
-- Grain: a sex, age band, activity, side and method of measuring with enough athletes.
-- Note: of each athlete's own mean. Groups of fewer than least_athletes, at least 5, are left out and nobody is named. From
--   20 athletes on there are quartiles, from 41 the 5th and 95th percentile, each from means of five athletes about it, as
--   that of one would be a person's own value. Who may read some teams alone has the norms of all other teams. Who can ask
--   before and after an athlete is added can still learn about that athlete. cameras is how many different ones the trials
--   state, releases are those that measured them.
-- Empty: no group has enough athletes: of one sex, age band, activity, side and method at least 5, or least_athletes where
--   that is more; who may read some teams alone has the norms of the other teams.
-- Teams: others
-- metric: one of metric.metric, such as knee_flexion_peak
-- activity: one of trial.activity = any
-- least_athletes: whole number, 5 or more = 5
-- Example: --param metric=knee_flexion_peak --param activity=countermovement_jump
WITH aged AS (
    SELECT
        metric.*,
        trial.method,
        trial.camera,
        trial.release,
        coalesce(athlete.sex, 'not stated') AS sex,
        year(metric.session_date) - athlete.birth_year AS age
    FROM metric
    JOIN athlete USING (athlete_id)
    JOIN trial USING (trial_id)
    WHERE metric.metric = $metric AND metric.value IS NOT NULL AND $activity IN (metric.activity, 'any')
),

athlete_mean AS (
    SELECT
        sex,
        CASE
            WHEN age IS NULL THEN 'not stated'
            WHEN age < 18 THEN 'under 18'
            WHEN age >= 60 THEN '60 or more'
            WHEN age < 20 THEN '18 to 19'
            ELSE format('{} to {}', age // 10 * 10, age // 10 * 10 + 9)
        END AS age_band,
        activity,
        side,
        method,
        athlete_id,
        avg(value) AS mean_value,
        avg(sd * sd) AS measurement_variance,
        list(DISTINCT camera) AS cameras,
        list(DISTINCT release) AS releases,
        any_value(unit) AS unit
    FROM aged
    GROUP BY ALL
),

band AS (
    SELECT
        sex,
        age_band,
        activity,
        side,
        method,
        count(*) AS athletes,
        avg(mean_value) AS mean_value,
        stddev_samp(mean_value) AS sd_between_athletes,
        sqrt(avg(measurement_variance)) AS measurement_sd,
        list(mean_value ORDER BY mean_value) AS ordered,
        len(list_distinct(flatten(list(cameras)))) AS cameras,
        distinct_names(flatten(list(releases))) AS releases,
        any_value(unit) AS unit
    FROM athlete_mean
    GROUP BY sex, age_band, activity, side, method
    HAVING count(*) >= greatest($least_athletes::INTEGER, 5)
),

smoothed AS (
    SELECT
        *,
        list_transform(range(3, athletes - 1), lambda rank: list_avg(ordered[rank - 2:rank + 2])) AS of_five
    FROM band
),

about AS (
    SELECT
        *,
        list_transform(
            list_transform([0.05, 0.25, 0.5, 0.75, 0.95], lambda share: (athletes - 1) * share - 1),
            lambda place: of_five[floor(place)::INTEGER]
            + (place - floor(place)) * (of_five[ceil(place)::INTEGER] - of_five[floor(place)::INTEGER])
        ) AS percentile
    FROM smoothed
)

SELECT
    sex,
    age_band,
    activity,
    side,
    method,
    athletes,
    mean_value,
    sd_between_athletes,
    measurement_sd,
    CASE WHEN athletes >= 41 THEN percentile[1] END AS percentile_5,
    CASE WHEN athletes >= 20 THEN percentile[2] END AS percentile_25,
    CASE WHEN athletes >= 20 THEN percentile[3] END AS percentile_50,
    CASE WHEN athletes >= 20 THEN percentile[4] END AS percentile_75,
    CASE WHEN athletes >= 41 THEN percentile[5] END AS percentile_95,
    cameras,
    releases,
    unit
FROM about
ORDER BY activity, side, method, sex, age_band;
