-- What a run measured beside its recording, height and mass: a hash of the manifest's part of a file, activity, camera,
-- person and further files. Bookkeeping, no content, since run_id depends on it; runs that were loaded before have none.
CREATE TABLE run_input (
    run_number INTEGER NOT NULL,
    input_sha256 VARCHAR NOT NULL
);
