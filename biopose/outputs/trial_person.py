"""The person of a trial.parquet: the body with its skeleton, and their coordinates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body, stretched_to
from biopose.errors import FileFormatError
from biopose.io.parquet import METADATA_KEY, read_parquet_table
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.scaling import ScaledPosture


@dataclass(frozen=True, eq=False)
class TrialPerson:
    """A measured person.

    Attributes:
        person: the body and the skeleton scaled to it.
        time_s: (T,) of the video.
        q: (T, Q) coordinates in the skeleton's order, radians and metres; what is not known is interpolated.
    """

    person: BodyWithSkeleton
    time_s: NDArray[np.float64]
    q: NDArray[np.float64]


def read_trial_person(path: Path) -> TrialPerson:
    """Read a trial.parquet.

    Raises:
        FileFormatError: it is missing or damaged, or lacks what describes the body, a coordinate or every frame.
    """
    table = read_parquet_table(path)
    if not table.num_rows:
        raise FileFormatError(f"{path}: has no frames; measure the trial again")
    try:
        described = json.loads((table.schema.metadata or {})[METADATA_KEY])
        if "shape_coefficients" not in described:
            raise FileFormatError(
                f"{path}: describes no body surface, as of recordings of markers; leave out the format glb"
            )
        person = _person(described["shape_coefficients"], described["body_scales"])
        time_s = table["time_s"].to_numpy()
        columns = [_column(table.column_names, name) for name in person.skeleton.coordinate_names]
    except KeyError as error:
        raise FileFormatError(f"{path}: has no {error.args[0]}; measure the trial again") from error
    except (ValueError, TypeError) as error:
        raise FileFormatError(f"{path}: does not describe a body ({error}); measure the trial again") from error
    values = np.stack([interpolated(table[column].to_numpy(), time_s) for column in columns], axis=1)
    rotational = [column.endswith("_deg") for column in columns]
    return TrialPerson(person, time_s, np.where(rotational, np.radians(values), values))


def _person(coefficients: list[float], scales: dict[str, list[float]]) -> BodyWithSkeleton:
    body, skeleton = Body.load(), full_body_skeleton()
    default = skeleton_of_body(body, body.with_coefficients(torch.tensor(coefficients)), skeleton)
    body_scales = default.body_scales.copy()
    for name, factors in scales.items():
        body_scales[skeleton.body_names.index(name)] = factors
    near = ScaledPosture(default.rest_pose, body_scales)
    return skeleton_of_body(body, stretched_to(default, body_scales), skeleton, near=near)


def _column(columns: list[str], name: str) -> str:
    return next((column for column in (f"{name}_deg", f"{name}_m") if column in columns), None) or _missing(name)


def _missing(name: str) -> str:
    raise KeyError(name)


def interpolated(values: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) a coordinate whose gaps are interpolated; 0 where nothing is known."""
    known = np.isfinite(values)
    return np.interp(time_s, time_s[known], values[known]) if known.any() else np.zeros_like(values)
