-- Grain: a trial that is not retired and a release that measured it, current or not: with run_number, facts of
-- `metric_of_every_run`, `kinematics_of_every_run` and the others can be joined.
CREATE OR REPLACE VIEW trial_of_every_release AS
SELECT
    trial_manifest.trial_id,
    session.team_id,
    trial_manifest.session_id,
    session.session_date,
    trial_manifest.athlete_id,
    trial_manifest.activity,
    coalesce(trial_manifest.camera, 'not stated') AS camera,
    release.name AS release,
    coalesce(
        trial_manifest.current_release_id = release_run.release_id
        AND trial_manifest.current_run_number = release_run.run_number,
        false
    ) AS is_current,
    run.frames,
    run.method,
    run.code_version,
    run.run_number,
    run.run_id,
    run.artifacts
FROM release_run
JOIN release USING (release_id)
JOIN trial_manifest USING (trial_id)
JOIN session USING (session_id)
JOIN run ON run.run_number = release_run.run_number
WHERE release_run.release_id <> 'before' AND NOT trial_manifest.is_retired;
