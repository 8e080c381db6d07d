-- The two frames about each per cent, 0 to 100, of the phases that a view lists, such as 'phase', and which share of the way
-- from the first to the second it lies: phases of different lengths can then be laid over each other.
-- Frames are those of a view or common table expression, with run_number, frame_index, time_s and whatever is interpolated,
-- as from_... and to_...
-- Grain: a per cent of a phase. A frame gives the per cents from its own time up to the next frame's: joined to the table
-- of steps by their number, it is repeated once for each. (Joins on equality alone are fast, and LATERAL or unnest would
-- carry all coordinates along where one is asked for: ten times as slow. The share is a column of its own, as DuckDB would
-- write its formula out for each coordinate, and planning took longer than reading one trial.)
CREATE OR REPLACE MACRO frame_pairs_of(phases, frames) AS TABLE
WITH step AS (
    SELECT steps, unnest(range(steps)) AS step
    FROM range(1, 102) AS counts(steps)
)

SELECT
    phase.*,
    (greatest(ceil(100 * (frame.time_s - phase.start_s) / (phase.end_s - phase.start_s)), 0) + step.step)::INTEGER
        AS percent,
    (phase.start_s + percent / 100 * (phase.end_s - phase.start_s) - frame.time_s)
    / (next_frame.time_s - frame.time_s) AS share,
    COLUMNS(frame.*) AS "from_\0",
    COLUMNS(next_frame.*) AS "to_\0"
FROM query_table(phases) AS phase
JOIN query_table(frames) AS frame
    ON frame.run_number = phase.run_number
    AND frame.time_s < phase.end_s
JOIN query_table(frames) AS next_frame
    ON next_frame.run_number = frame.run_number
    AND next_frame.frame_index = frame.frame_index + 1
    AND next_frame.time_s > phase.start_s
JOIN step
    ON step.steps = CASE
        WHEN next_frame.time_s >= phase.end_s THEN 101
        ELSE ceil(100 * (next_frame.time_s - phase.start_s) / (phase.end_s - phase.start_s))
    END::INTEGER
    - greatest(ceil(100 * (frame.time_s - phase.start_s) / (phase.end_s - phase.start_s)), 0)::INTEGER;
