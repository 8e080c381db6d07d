"""Intrinsics, whether the camera moves, and the ground that it sees."""
