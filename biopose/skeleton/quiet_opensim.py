"""The one import of OpenSim's API, with its messages and its opensim.log off.

`from biopose.skeleton.quiet_opensim import opensim`
"""

import opensim

opensim.Logger.removeFileSink()  # before its first message, or the file exists already
opensim.Logger.setLevelString("Off")

__all__ = ["opensim"]
