"""Synthetic images and clips of people with ground truth: bodies, motion, clothing, light, cameras, features."""
