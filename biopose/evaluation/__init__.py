"""The accuracy protocol on reference recordings, and benchmarks."""
