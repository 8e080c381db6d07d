"""Inverse kinematics: batched damped least squares, and OpenSim's own solver as a reference."""
