"""From tracked keypoints and mesh predictions to a motion in the world, and from that to coordinates."""
