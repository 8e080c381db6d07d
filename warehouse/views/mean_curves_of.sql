-- Mean curves of the phases that a view lists, over all trials of a session: in gait over the strides of each side.
-- Grain: a per cent, 0 to 100, of a session, activity, method of measuring and side.
-- Of each coordinate: the mean, such as knee_angle_r_deg; knee_angle_r_sd_deg, the measurement's own standard deviation
-- (of one phase, root mean square); knee_angle_r_sd_between_phases_deg; and knee_angle_r_phases, in which it is known.
CREATE OR REPLACE MACRO mean_curves_of(phases) AS TABLE
WITH coordinate AS (
    SELECT
        team_id,
        session_date,
        session_id,
        activity,
        method,
        phase,
        side,
        percent,
        COLUMNS(lambda name: regexp_matches(name, '_(deg|m)$') AND NOT contains(name, '_sd_')),
        COLUMNS('^(.*)_sd_(deg|m)$') AS "\1_\2_measured"
    FROM curves_of(phases)
)

SELECT
    team_id,
    session_date,
    session_id,
    activity,
    method,
    phase,
    side,
    percent,
    count(*) AS phases,
    avg(COLUMNS('_(deg|m)$'))::REAL AS "\0",
    sqrt(avg(COLUMNS('^(.*)_(deg|m)_measured$') * COLUMNS('^(.*)_(deg|m)_measured$')))::REAL AS "\1_sd_\2",
    stddev_samp(COLUMNS('^(.*)_(deg|m)$'))::REAL AS "\1_sd_between_phases_\2",
    count(COLUMNS('^(.*)_(deg|m)$')) AS "\1_phases"
FROM coordinate
GROUP BY team_id, session_date, session_id, activity, method, phase, side, percent;
