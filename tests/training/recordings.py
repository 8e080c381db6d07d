"""CMU's recordings where they are at hand, and a small skeleton of our own in their format."""

from pathlib import Path

import pytest

from tests.reference_data import SHARED_DATA

CMU = SHARED_DATA / "mocap" / "cmu"
needs_cmu = pytest.mark.skipif(not CMU.exists(), reason="CMU's motion capture (shared/data) is not here")

ASF = """# comment
:version 1.10
:name two_bones
:units
  mass 1.0
  length 0.5
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 2
     name shin
     direction 0 -1 0
     length 8.0
     axis 0 0 90 XYZ
    dof ry
    limits (-10.0 170.0)
  end
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 10.0
     axis 0 0 0 XYZ
    dof rx rz
    limits (-160.0 20.0)
           (-70.0 70.0)
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
AMC = """#!OML:ASF somewhere
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
thigh 0 0
shin 0
2
root 1 20 3 0 90 0
thigh -90 0
shin 0
3
root 0 0 0 0 0 0
thigh 0 0
shin 90
"""


def write_two_bones(folder: Path, *, asf: str = ASF, amc: str = AMC) -> tuple[Path, Path]:
    (folder / "00.asf").write_text(asf)
    (folder / "00_01.amc").write_text(amc)
    return folder / "00.asf", folder / "00_01.amc"
