"""The formats whose readers are tried, by name."""

from tests.fuzzing.manifest_format import MANIFEST
from tests.fuzzing.opensim_formats import IK_SETUP, OSIM
from tests.fuzzing.outcomes import Format
from tests.fuzzing.trajectory_formats import C3D, MOT, PARQUET, STO, TRC

FORMATS: dict[str, Format] = {
    "osim": OSIM,
    "trc": TRC,
    "mot": MOT,
    "sto": STO,
    "c3d": C3D,
    "parquet": PARQUET,
    "setup": IK_SETUP,
    "manifest": MANIFEST,
}
