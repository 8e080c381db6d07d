"""Video files: probing, decoding, timing, encoding."""
