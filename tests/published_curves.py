"""The example data that spm1d publishes, as files of its wheel; its code is under the GPL-3.0 and never imported.

Plantar arch angle: Caravaggi et al. 2010, J Anat 217:254, ten people walking at normal and at fast speed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

_FOUND = find_spec("spm1d")
needs_spm1d = pytest.mark.skipif(_FOUND is None, reason="spm1d's data are not there: `pip install -e '.[dev]'`")

Groups = tuple[np.ndarray, np.ndarray]


def plantar_arch_angle() -> Groups:
    """(10, 101) degrees of the same ten people, twice."""
    curves = _read("ex_kinematics")
    return curves[10:20], curves[20:]


def two_local_maxima() -> Groups:
    """(6, 101) simulated, two groups."""
    curves = _read("ex_sim_twolocalmax")
    return curves[:6], curves[6:]


def random_curves() -> Groups:
    """Zero and (10, 100) random curves: as pairs, the one-sample test of these."""
    curves = _read("random")
    return np.zeros_like(curves), curves


def _read(name: str) -> np.ndarray:
    assert _FOUND is not None
    assert _FOUND.submodule_search_locations
    (package,) = _FOUND.submodule_search_locations
    curves: np.ndarray = np.load(Path(package) / "data" / "datafiles" / f"{name}.npy", allow_pickle=False)
    return curves
