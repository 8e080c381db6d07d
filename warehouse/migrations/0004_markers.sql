-- Recordings of markers beside videos: what was recorded of a trial, and by which method an event was found. The columns
-- video and video_sha256 hold the name and the hash of the recording, whatever it is.
ALTER TABLE trial_manifest ADD COLUMN recording VARCHAR DEFAULT 'video';
ALTER TABLE event_of_every_run ADD COLUMN method VARCHAR;
