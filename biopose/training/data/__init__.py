"""Recorded motion, its variation and projection, and the errors of keypoints and markers."""
