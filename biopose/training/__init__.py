"""Data to learn from, and learning: recorded motion, poses, synthetic views."""
