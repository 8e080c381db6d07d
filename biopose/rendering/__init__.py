"""Bodies drawn through a camera, the overlay video, the view from the side, synthetic films."""
