"""Who is who through the frames, left and right, and which person is the subject."""
