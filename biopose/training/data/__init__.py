"""What the networks are trained on: recorded motion, projections, markers, crops."""
