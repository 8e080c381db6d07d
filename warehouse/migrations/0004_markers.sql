-- Recordings of markers beside videos: what was recorded of a trial, and by which method an event was found. The columns
-- video and video_sha256 hold the name and the hash of the recording, whatever it is.
ALTER TABLE trial_manifest ADD COLUMN recording VARCHAR DEFAULT 'video';
ALTER TABLE event_of_every_run ADD COLUMN method VARCHAR;

-- Metrics of each cycle: a stride of either side, a jump, a repetition. Trials measured before have none.
CREATE TABLE cycle_metric_of_every_run (
    run_number INTEGER NOT NULL,
    cycle VARCHAR NOT NULL,
    side VARCHAR NOT NULL,
    cycle_number INTEGER NOT NULL,
    start_s DOUBLE NOT NULL,
    end_s DOUBLE NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL,
    unit VARCHAR NOT NULL,
    sd DOUBLE
);
