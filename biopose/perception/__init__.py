"""What networks find in images: people, keypoints, features."""
