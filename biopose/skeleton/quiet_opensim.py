"""The one import of OpenSim's API: it says nothing and leaves no opensim.log behind.

`from biopose.skeleton.quiet_opensim import opensim`
"""

import opensim

opensim.Logger.removeFileSink()  # before its first message, or the file exists already
opensim.Logger.setLevelString("Off")

__all__ = ["opensim"]
