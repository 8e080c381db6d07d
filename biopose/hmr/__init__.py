"""Human mesh recovery: MQ-HMR, its encoders and head, the temporal lifter, the pose prior."""
