"""The keypoint fit: the motion of a skeleton that best explains a person's 2D keypoints through a clip."""
