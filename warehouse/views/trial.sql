-- Grain: a trial, as its manifest describes it and as its current run measured it.
CREATE OR REPLACE VIEW trial AS
SELECT
    described.trial_id,
    session.team_id,
    described.session_id,
    session.session_date,
    described.athlete_id,
    described.activity,
    coalesce(described.camera, 'not stated') AS camera,
    described.recording,
    described.video AS file,
    if(described.recording = 'video', described.video, NULL) AS video,
    described.start_s,
    described.end_s,
    run.frames,
    run.last_time_s - run.first_time_s AS duration_s,
    run.height_m,
    run.mass_kg,
    run.method,
    release.name AS release,
    run.code_version,
    run.run_number,
    run.run_id,
    run.artifacts
FROM trial_manifest AS described
JOIN session USING (session_id)
JOIN run ON run.run_number = described.current_run_number
JOIN release ON release.release_id = described.current_release_id;
