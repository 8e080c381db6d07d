"""A measured trial as its folder holds it: what events, metrics and quality are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.camera.pinhole import Camera
from biopose.io.arrow_arrays import float_array
from biopose.io.files import existing_file, malformed, quoted
from biopose.io.parquet import METADATA_KEY
from biopose.outputs.file_names import TRIAL
from biopose.outputs.marker_trial import MARKER_TRIAL

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeasuredTrial:
    """The channels of trial.parquet.

    Attributes:
        path: the file, for messages.
        table: a row a frame, at least one; see `biopose.outputs.trial.trial_columns`.
    """

    path: Path
    table: pa.Table

    @classmethod
    def read(cls, folder: Path) -> MeasuredTrial:
        """Read a folder's trial.parquet.

        Raises:
            FileFormatError: it is missing, broken or empty, or its times do not increase.
        """
        path = existing_file(folder / TRIAL)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read()
        except (OSError, pa.ArrowException) as error:
            found = f"no readable Parquet ({quoted(str(error))})"
            raise malformed(path, found=found, expected="a trial.parquet; measure the video again") from error
        trial = cls(path, table)
        if not table.num_rows or not (np.diff(trial.time_s) > 0).all():
            found = f"{table.num_rows} frames" if not table.num_rows else "times that do not increase"
            raise malformed(path, found=found, expected="at least one frame, in order of time")
        return trial

    def column(self, name: str) -> FloatArray:
        """(T,) a channel; a gap is NaN.

        Raises:
            FileFormatError: there is no such column.
        """
        if name not in self._names:
            raise malformed(self.path, found=f"no column {name}", expected="every channel; measure the video again")
        return float_array(self.table[name])

    def column_if_there(self, name: str) -> FloatArray:
        """(T,) a channel that not every method gives; NaN without such a column."""
        return self.column(name) if name in self._names else np.full(self.table.num_rows, np.nan)

    def has(self, name: str) -> bool:
        """Whether there is such a channel."""
        return name in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.table.column_names)  # made anew by each call of Arrow's

    def coordinate(self, name: str) -> FloatArray:
        """(T,) the column of one of the skeleton's coordinates; NaN where the model of a trial of markers lacks it.

        Raises:
            FileFormatError: it is missing in a trial of video, which has all of them.
        """
        return self.column_if_there(name) if self.is_of_markers else self.column(name)

    @property
    def is_of_markers(self) -> bool:
        """Whether markers were recorded, and no video."""
        return bool(self._metadata.get("kind") == MARKER_TRIAL)

    @property
    def time_s(self) -> FloatArray:
        """(T,) seconds of the recording, increasing."""
        return self.column("time_s")

    @property
    def frame_index(self) -> NDArray[np.int32]:
        """(T,) of the video, from 0."""
        return self.column("frame_index").astype(np.int32)

    @property
    def refinement(self) -> dict[str, float | None]:
        """What the refinement of MQ-HMR's prediction gained, by the names of `RefinementGain`; empty without one."""
        return self._metadata.get("refinement") or {}

    @property
    def constant_sd(self) -> dict[str, float]:
        """By coordinate, the part of its standard deviation that is the same error in every frame, degrees or metres.

        Empty of methods that give none, and in files of a state that did not tell it.
        """
        return self._metadata.get("constant_sd") or {}

    @property
    def notes(self) -> list[str]:
        """Sentences about what limits the measurement."""
        return self._metadata.get("notes") or []

    @property
    def camera(self) -> tuple[Camera, FloatArray] | None:
        """Intrinsics and T_camera_world (4, 4); None in files of a state that did not keep them."""
        facts, T_camera_world = self._metadata.get("camera"), self._metadata.get("T_camera_world")
        if not facts or T_camera_world is None:
            return None
        tuples = {name: tuple(facts[name]) for name in ("focal_px", "centre_px", "distortion")}
        return Camera(**facts | tuples), np.array(T_camera_world)

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = json.loads((self.table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
        return metadata

    @property
    def interval_s(self) -> float:
        """Median interval between frames; 0 for a single frame."""
        return float(np.median(np.diff(self.time_s))) if self.table.num_rows > 1 else 0.0
