"""From a video to people's keypoints: decoding, detection, keypoints, tracking, camera."""
