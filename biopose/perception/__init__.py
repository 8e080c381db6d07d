"""What networks find in pictures: people, keypoints, features."""
