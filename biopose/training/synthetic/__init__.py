"""Synthetic people with ground truth: images, clips and markers, and the batches that the networks are trained on."""
