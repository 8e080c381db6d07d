"""How a recording of markers, 3D keypoints or segment poses is measured: the trial, its scaling, its stages."""
