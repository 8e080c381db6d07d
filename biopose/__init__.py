"""BioPose, the library: from video and markers to the joint kinematics of an OpenSim skeleton.

Nothing here knows about the orchestration (``tasks``, ``flows``) or the ``warehouse``.
"""
