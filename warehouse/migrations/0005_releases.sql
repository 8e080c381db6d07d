-- A release: the method and the exact model versions of a measurement. Its id is a hash of them (`warehouse.releases`).
CREATE TABLE release (
    release_id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE,
    method VARCHAR NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TABLE release_model (
    release_id VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL
);

-- Of each trial and release, the run that was loaded last: what the trial shows where the release is current.
CREATE TABLE release_run (
    trial_id VARCHAR NOT NULL,
    release_id VARCHAR NOT NULL,
    run_number INTEGER NOT NULL,
    PRIMARY KEY (trial_id, release_id)
);

-- The recorded pointer: each act that changed which releases are current, never edited but for its end. The list of the
-- newest act that is done counts: a trial shows the last release of it that measured the trial.
CREATE TABLE release_act (
    act_number INTEGER PRIMARY KEY,
    act VARCHAR NOT NULL,  -- first, promote or roll back
    releases VARCHAR[] NOT NULL,  -- release_ids, the promoted one last
    is_done BOOLEAN NOT NULL,  -- false between the note of what will be done and its end
    is_override BOOLEAN NOT NULL,  -- promoted against the gate
    rollout_number INTEGER,
    who VARCHAR NOT NULL,
    why VARCHAR NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    champions MAP(VARCHAR, INTEGER)  -- by stage, the version with the registry's alias champion before the act
);

CREATE TABLE rollout (
    rollout_number INTEGER PRIMARY KEY,
    champion_id VARCHAR NOT NULL,
    candidate_id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,  -- of `warehouse.rollouts.STATES`
    verdict VARCHAR,  -- of the gate
    policy VARCHAR NOT NULL,  -- text of its file
    comparison VARCHAR  -- JSON: what the gate decided on
);

CREATE TABLE rollout_transition (
    rollout_number INTEGER NOT NULL,
    from_state VARCHAR,
    to_state VARCHAR NOT NULL,
    who VARCHAR NOT NULL,
    why VARCHAR NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL
);

-- The sample that a candidate measures, and what became of each trial.
CREATE TABLE rollout_trial (
    rollout_number INTEGER NOT NULL,
    trial_id VARCHAR NOT NULL,
    outcome VARCHAR,  -- null: to be measured; measured; failed
    message VARCHAR,
    PRIMARY KEY (rollout_number, trial_id)
);

ALTER TABLE run ADD COLUMN release_id VARCHAR;  -- that it was first loaded with; others may share it (release_run)
-- Hashes of a description (team, athlete, session, trial): of the one that the run was loaded with, and of the one that
-- the trial has. A challenger describes nothing anew, so that its run may come with another description.
ALTER TABLE run ADD COLUMN description_sha256 VARCHAR;
ALTER TABLE trial_manifest ADD COLUMN description_sha256 VARCHAR;
ALTER TABLE trial_manifest ADD COLUMN is_retired BOOLEAN DEFAULT false;
ALTER TABLE trial_manifest ADD COLUMN current_release_id VARCHAR;  -- whose run is current
ALTER TABLE trial_manifest ALTER COLUMN current_run_number DROP NOT NULL;

UPDATE run SET release_id = identified.release_id
FROM (
    SELECT run.run_number, sha256(concat_ws(chr(10), run.method, string_agg(
        format('{} {} {} {}', stage, model, version, sha256), chr(10) ORDER BY stage
    ))) AS release_id
    FROM run LEFT JOIN model_version USING (run_number)
    GROUP BY run.run_number, run.method
) AS identified
WHERE run.run_number = identified.run_number;

INSERT INTO release
SELECT release_id, min(method) || '-' || release_id[:8], min(method), now() FROM run GROUP BY release_id;

INSERT INTO release_model
SELECT DISTINCT release_id, stage, model, version, sha256 FROM model_version JOIN run USING (run_number);

-- Only current runs stand for the release that measured them: which of the others are as their trials are now is not
-- known, and an ingest that names those trials loads them again from their files.
INSERT INTO release_run
SELECT run.trial_id, run.release_id, run.run_number
FROM run JOIN trial_manifest ON trial_manifest.trial_id = run.trial_id AND run_number = abs(current_run_number);

-- What was current stays current: a release of its own holds those runs, whatever they were measured with, below all
-- that are promoted.
INSERT INTO release SELECT 'before', 'before-releases', 'various', now() WHERE EXISTS (FROM run);
INSERT INTO release_run SELECT trial_id, 'before', abs(current_run_number) FROM trial_manifest;
INSERT INTO release_act
SELECT 0, 'first', ['before'], true, false, NULL, 'upgrade', 'what was current before releases were recorded', now(), NULL
WHERE EXISTS (FROM run);

UPDATE trial_manifest SET
    is_retired = current_run_number < 0,
    current_run_number = CASE WHEN current_run_number > 0 THEN current_run_number END,
    current_release_id = CASE WHEN current_run_number > 0 THEN run.release_id END
FROM run
WHERE run.run_number = abs(current_run_number);
