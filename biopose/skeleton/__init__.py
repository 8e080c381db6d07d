"""The OpenSim skeleton: model, batched forward kinematics, inverse kinematics, scaling, OpenSim's own tools."""
