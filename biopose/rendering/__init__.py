"""Pictures: bodies in front of a camera, the overlay video, the view from the side."""
