"""What a measured trial means: events, metrics, quality, and a cross-check by OpenSim's own solver."""
