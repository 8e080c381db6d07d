-- Trials that were deleted, such as of a wrong video: hidden at once, restorable for a time, not measured again from the
-- same recording.
CREATE TABLE deleted_trial (
    trial_id VARCHAR NOT NULL,
    video_sha256 VARCHAR NOT NULL,  -- of the recording; another under the same name is measured as usual
    deleted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    who VARCHAR NOT NULL,
    is_restorable BOOLEAN NOT NULL,  -- false once its runs are removed, or who is in it withdrew consent
    PRIMARY KEY (trial_id, video_sha256)
);
