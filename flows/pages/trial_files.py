"""The files of a trial that its page offers: these names, in the trial's own folder, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError

OVERLAY, REPORT, SUMMARY, TRIAL = "overlay.mp4", "report.html", "summary.json", "trial.parquet"
CONTENT = {
    OVERLAY: ("video/mp4", "the body drawn over the video"),
    REPORT: ("text/html; charset=utf-8", "the report of this measurement, one page for offline"),
    "coordinates.mot": ("text/plain; charset=utf-8", "joint coordinates for OpenSim"),
    "scaled.osim": ("application/xml", "the scaled OpenSim model that the .mot moves"),
    "markers.trc": ("text/plain; charset=utf-8", "the markers that the skeleton follows; of a video, virtual ones"),
    "metrics.csv": ("text/csv; charset=utf-8", "metrics with standard deviations"),
    TRIAL: ("application/vnd.apache.parquet", "every channel with its standard deviation"),
    "kinematics.parquet": ("application/vnd.apache.parquet", "the warehouse's table of frames"),
    "events.parquet": ("application/vnd.apache.parquet", "the warehouse's table of events"),
    "metrics.parquet": ("application/vnd.apache.parquet", "the warehouse's table of metrics"),
    "quality.parquet": ("application/vnd.apache.parquet", "the warehouse's table of quality"),
    SUMMARY: ("application/json", "settings, versions and quality for a program"),
}
SHOWN = (OVERLAY, REPORT)  # in the browser; the others are saved


@dataclass(frozen=True)
class TrialFile:
    """A file that exists."""

    name: str
    path: Path
    media_type: str
    description: str
    size_bytes: int


@dataclass(frozen=True)
class TrialFiles:
    """The files of a trial's current run.

    Attributes:
        home: the folder that holds all state.
        artifacts: the trial's folder in it, as the warehouse has it.
    """

    home: Path
    artifacts: str

    def existing(self) -> dict[str, TrialFile]:
        """By name, in the order of CONTENT."""
        return {name: file for name in CONTENT if (file := self.file(name)) is not None}

    def summary(self) -> Mapping[str, Any] | None:
        """What summary.json holds; None where it is not in the home.

        Raises:
            BioposeError: it is damaged.
        """
        file = self.file(SUMMARY)
        if file is None:
            return None
        try:
            summary: Mapping[str, Any] = json.loads(file.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BioposeError(f"{file.path}: is damaged ({error}); measure the trial again") from error
        return summary

    def notes(self) -> list[str]:
        """What the measurement noted, or that this cannot be read."""
        try:
            summary = self.summary()
        except BioposeError as error:
            return [str(error)]
        return list(dict.fromkeys(summary["people"][0].get("notes", ()))) if summary else []

    def file(self, name: str) -> TrialFile | None:
        """A file of the trial; None where it is not there, has another name, or lies elsewhere behind a link."""
        if name not in CONTENT:
            return None
        root = (self.home / "artifacts").resolve()
        folder = (self.home / self.artifacts).resolve()
        path = (folder / name).resolve()
        if not (folder.is_relative_to(root) and path.parent == folder and path.is_file()):
            return None
        return TrialFile(name, path, *CONTENT[name], path.stat().st_size)
