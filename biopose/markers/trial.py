"""What is to be measured from markers: a recording, whose it is, and the files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from biopose.errors import FileFormatError, ManifestError, ModelError
from biopose.io.force_plates import ForcePlates, read_force_plates
from biopose.io.markers import read_markers
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis

if TYPE_CHECKING:
    from biopose.io.manifest import TrialEntry

MarkerMethod = Literal["marker_ik", "marker_neurik", "keypoint_ik"]


@dataclass(frozen=True)
class MarkerTrial:
    """A recording of markers, or of 3D keypoints, of one athlete.

    Attributes:
        markers: the recording.
        height_m: of the athlete.
        mass_kg: likewise; None keeps the model's.
        activity: decides which events and metrics there are.
        trial_id: for messages.
        static: the athlete standing still.
        model: with the recorded markers: scaled to the static trial, or without one the athlete's own.
        forces: force plates beside the recording; those inside a .c3d need none.
        subject: whose markers, where labels are SUBJECT:MARKER.
        up: vertical axis of the files.
        units: of length in them, where they state none or a wrong one.
        keypoints: whether the recording is of keypoints; there is no model then.
        names: of keypoints, a file of their names.
        start_s: of the part that is measured, on the recording's clock; None: from its first frame.
        end_s: likewise; None: to its last.
    """

    markers: Path
    height_m: float
    mass_kg: float | None = None
    activity: str = "other"
    trial_id: str = ""
    static: Path | None = None
    model: Path | None = None
    forces: Path | None = None
    subject: str | None = None
    up: UpAxis = "y"
    units: LengthUnit | None = None
    keypoints: bool = False
    names: Path | None = None
    start_s: float | None = None
    end_s: float | None = None

    @classmethod
    def of(cls, entry: TrialEntry) -> MarkerTrial:
        """The trial that a manifest describes."""
        return cls(
            entry.file,
            height_m=entry.athlete.height_m,
            mass_kg=entry.athlete.mass_kg,
            activity=entry.activity,
            trial_id=entry.trial_id,
            static=entry.beside.static,
            model=entry.beside.model,
            forces=entry.beside.forces,
            subject=entry.athlete.subject,
            keypoints=entry.kind == "keypoints",
            names=entry.beside.names,
            up=entry.up,
            units=entry.units,
            start_s=entry.start_s,
            end_s=entry.end_s,
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that the result depends on; the recording first."""
        return tuple(filter(None, (self.markers, self.static, self.model, self.forces, self.names)))

    def read(self) -> MarkerTrajectories:
        """The recording's part, y up.

        Raises:
            FileFormatError: the file breaks its format, or the subject is not in it.
            ValueError: no frame lies in the part.
        """
        recording = self._read(self.markers)
        start_s = -float("inf") if self.start_s is None else self.start_s
        end_s = float("inf") if self.end_s is None else self.end_s
        frames = (recording.time_s >= start_s) & (recording.time_s <= end_s)
        if not frames.any():
            first, last = recording.time_s[[0, -1]]
            raise ValueError(f"the recording lasts from {first:.2f} to {last:.2f} s, and no frame of it is in the part")
        return recording if frames.all() else recording.at(frames.nonzero()[0])

    def read_static(self) -> MarkerTrajectories | None:
        """The static trial, if there is one.

        Raises:
            FileFormatError: as of `read`.
        """
        return None if self.static is None else self._read(self.static)

    def read_plates(self) -> tuple[ForcePlates | None, tuple[str, ...]]:
        """The force plates beside the recording or in it, if there are any, and what was odd about them.

        Raises:
            FileFormatError: the file beside it breaks its format; inside a recording that is noted.
        """
        file = self.forces or (self.markers if self.markers.suffix.lower() == ".c3d" else None)
        if file is None:
            return None, ()
        try:
            plates = read_force_plates(file, up=self.up, units=self.units)
        except FileFormatError as error:
            if self.forces is not None:
                raise
            return None, (f"the force plates are not used: {error}",)
        return (plates if plates and plates.names else None), (plates.notes if plates else ())

    def method(self, names: Sequence[str]) -> MarkerMethod:
        """By which the recording's markers are solved: the model's, else NeurIK where it knows enough of them.

        Args:
            names: of the recorded markers.

        Raises:
            ModelError: there is no model for them.
        """
        if self.keypoints:
            return "keypoint_ik"
        if self.model is not None:
            return "marker_ik"
        from biopose.body.markers import MARKERS  # loads torch, which planning a night does without
        from biopose.neurik.usable_markers import MIN_NAMED, MIN_PELVIS, on_pelvis

        known = [name for name in names if name in MARKERS]
        if len(known) >= MIN_NAMED and sum(on_pelvis(known)) >= MIN_PELVIS:
            return "marker_neurik"
        if self.static is not None:
            return "marker_ik"
        raise ModelError(
            f"{self.markers}: {len(known)} of its {len(names)} markers have a name that BioPose knows, "
            f"{sum(on_pelvis(known))} of them on the pelvis; without a model, {MIN_NAMED} and {MIN_PELVIS} are needed. "
            "Name the athlete's model with these markers in session.toml (model), and a static trial to scale it "
            "to (static)"
        )

    def _read(self, path: Path) -> MarkerTrajectories:
        return read_markers(path, up=self.up, units=self.units, subject=self.subject)


def check_against_recording(entry: TrialEntry) -> MarkerTrajectories:
    """Check what a manifest says of a trial of markers against its files; all of them are read.

    Args:
        entry: of the manifest.

    Returns:
        The recording's part.

    Raises:
        ManifestError: the part holds no frame; the message names each key.
        BioposeError: a file breaks its format.
    """
    trial = MarkerTrial.of(entry)
    try:
        recording = trial.read()
    except ValueError as error:
        keys = [key for key in ("start_s", "end_s") if getattr(entry, key) is not None]
        raise ManifestError("\n".join(entry.place.line(key, str(error)) for key in keys)) from error
    trial.read_static()
    trial.read_plates()
    return recording
