-- While a canary is in force: the candidate that the chosen teams, athletes or trials show where it measured them
-- (`warehouse.canary`); null in all other acts. The releases of such an act are those that were promoted before it.
ALTER TABLE release_act ADD COLUMN canary STRUCT(release_id VARCHAR, unit VARCHAR, share DOUBLE, teams VARCHAR[]);

-- What an ingest measured with a release; one that a canary is in force for has a row for either.
CREATE TABLE night (
    night_number INTEGER NOT NULL,
    release_id VARCHAR NOT NULL,
    stored INTEGER NOT NULL,
    failed INTEGER NOT NULL,  -- measured in part and put in quarantine
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (night_number, release_id)
);

-- What the watch of a rollout found after each night with the release.
CREATE TABLE rollout_night (
    rollout_number INTEGER NOT NULL,
    night_number INTEGER NOT NULL,
    verdict VARCHAR NOT NULL,  -- holds, breach or not enough evidence
    judged VARCHAR NOT NULL,  -- JSON: each criterion with its interval and bound
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (rollout_number, night_number)
);

-- Mean differences between the releases of a rollout, candidate minus champion, on the trials that both measured.
CREATE TABLE release_offset (
    rollout_number INTEGER NOT NULL,
    quantity VARCHAR NOT NULL,  -- a metric, or a coordinate such as knee_angle_r_deg
    unit VARCHAR NOT NULL,
    mean_difference DOUBLE NOT NULL,
    low DOUBLE,  -- of the 95 % interval; null with too few athletes
    high DOUBLE,
    trials INTEGER NOT NULL,
    athletes INTEGER NOT NULL,
    PRIMARY KEY (rollout_number, quantity)
);

-- History that is measured anew with the promoted release.
CREATE TABLE backfill (
    backfill_number INTEGER PRIMARY KEY,
    release_id VARCHAR NOT NULL,
    since DATE NOT NULL,
    until DATE NOT NULL,
    who VARCHAR NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
    measured INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE  -- null: interrupted, or at work
);
