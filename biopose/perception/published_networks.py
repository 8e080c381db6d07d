"""The published networks' files and what they take: what a registered model version records. It imports neither."""

from __future__ import annotations

DETECTOR_WEIGHTS = "yolox-tiny-humanart.onnx"
DETECTOR_INPUT_PX = 416
LOWEST_SCORE = 0.1  # below, boxes on real clips are parts of people, doubles and background

KEYPOINT_WEIGHTS = "rtmpose-s-halpe26.onnx"
# Of red, green and blue from 0 to 255, as in the keypoint network's training.
MEAN = (123.675, 116.28, 103.53)
STANDARD_DEVIATION = (58.395, 57.12, 57.375)
