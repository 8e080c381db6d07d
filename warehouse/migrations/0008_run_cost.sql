-- What measuring a run cost, a row a stage, and the options that it was measured with beside its method and models:
-- bookkeeping, no content. Runs that were loaded before have neither.
CREATE TABLE run_cost (
    run_number INTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    processor_s DOUBLE NOT NULL,  -- of all threads
    wall_s DOUBLE NOT NULL,
    peak_mb DOUBLE NOT NULL  -- of the process, since it began
);

CREATE TABLE run_options (
    run_number INTEGER NOT NULL,
    shard_s DOUBLE NOT NULL,
    cross_check_frames INTEGER NOT NULL
);
