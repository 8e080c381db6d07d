"""What is to be measured: a part of a video and who is in it. It imports no network: planning a night needs none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from biopose.errors import ManifestError
from biopose.reconstruction.athlete import Athlete
from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.tracking.shard import SHARD_S, Shard, shards_of
from biopose.tracking.subject_choice import Choice
from biopose.video.probe import VideoInfo

if TYPE_CHECKING:
    from biopose.camera.pinhole import Camera
    from biopose.io.manifest import TrialEntry


@dataclass(frozen=True)
class Clip:
    """A video, or a part of it, and what is known of its camera.

    Attributes:
        video: the file.
        start_s: of the part, in seconds of the file as it is played; None: from its first frame.
        end_s: likewise; None: to its last.
        recorded_rate_hz: frame rate at which slow motion was filmed; None: as the file states, else as it is played.
        keep_readable: of a broken file, measure what comes before the break.
        focal_px: focal length, where known.
        horizontal_fov_deg: horizontal field of view, where known.
        distortion: the lens's coefficients k1, k2, p1, p2, k3 as OpenCV defines them, where known.
        calibrated: the whole camera, from a calibration; stands for the three above.
    """

    video: Path
    start_s: float | None = None
    end_s: float | None = None
    recorded_rate_hz: float | None = None
    keep_readable: bool = False
    focal_px: float | None = None
    horizontal_fov_deg: float | None = None
    distortion: tuple[float, ...] | None = None
    calibrated: Camera | None = None

    def shards(self, info: VideoInfo, *, shard_s: float = SHARD_S) -> list[Shard]:
        """The clip in shards of at most shard_s seconds."""
        return shards_of(
            info,
            start_s=self.start_s,
            end_s=self.end_s,
            recorded_rate_hz=self.recorded_rate_hz,
            keep_readable=self.keep_readable,
            shard_s=shard_s,
        )

    def camera(self, info: VideoInfo) -> Camera:
        """Its intrinsics: as calibrated or given, else from the file's metadata, else an estimate.

        Raises:
            ValueError: impossible or contradictory numbers, or a calibration for images of another size.
        """
        from biopose.camera.intrinsics import camera_of

        if self.calibrated is None:
            return camera_of(
                info, focal_px=self.focal_px, horizontal_fov_deg=self.horizontal_fov_deg, distortion=self.distortion
            )
        if (self.calibrated.width_px, self.calibrated.height_px) != (info.width_px, info.height_px):
            raise ValueError(
                f"the camera is for images of {self.calibrated.width_px} x {self.calibrated.height_px}; {self.video} "
                f"has {info.width_px} x {info.height_px}"
            )
        return self.calibrated


@dataclass(frozen=True)
class Subject(Athlete):
    """A person to measure: height, mass and sex of an `Athlete`, and which of the people in the clip they are.

    Attributes:
        person: "largest", "central", their number in the order of `biopose people`, a point (x, y, seconds) or a box
            (left, top, right, bottom) in pixels, or "all" for everybody.
    """

    person: Choice = "largest"


@dataclass(frozen=True)
class Trial:
    """What is to be measured.

    Attributes:
        clip: the video.
        subjects: who is measured; with person "all" one for each person, the largest first, the last standing for all
            that follow.
        activity: of `CUTOFF_HZ`; decides the low-pass filter's cut-off and which events and metrics there are.
        trial_id: for messages.
    """

    clip: Clip
    subjects: tuple[Subject, ...]
    activity: str = "other"
    trial_id: str = ""

    def __post_init__(self) -> None:
        if not self.subjects:
            raise ValueError("no subject is described; at least a height is needed")
        people = [subject.person for subject in self.subjects]
        if set(people) != {"all"} and ("all" in people or len(set(people)) < len(people)):
            raise ValueError('several subjects of one clip are different people, or have person "all" each')
        if self.activity not in CUTOFF_HZ:
            raise ValueError(f"activity {self.activity!r}; expected one of {', '.join(CUTOFF_HZ)}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that the result depends on."""
        return (self.clip.video,)

    @classmethod
    def of(cls, entry: TrialEntry) -> Trial:
        """The trial that a manifest describes."""
        athlete = entry.athlete
        clip = Clip(
            entry.file,
            start_s=entry.start_s,
            end_s=entry.end_s,
            recorded_rate_hz=entry.recorded_hz,
            keep_readable=entry.keep_readable,
            focal_px=entry.focal_px,
            horizontal_fov_deg=entry.horizontal_fov_deg,
            distortion=entry.distortion,
        )
        subject = Subject(height_m=athlete.height_m, mass_kg=athlete.mass_kg, sex=athlete.sex, person=entry.person)
        return cls(clip, (subject,), activity=entry.activity, trial_id=entry.trial_id)

    def height_m_of(self, person: int) -> float:
        """The height that was given for a person, by their number; the last stands for all that follow."""
        return self.subjects[min(person, len(self.subjects) - 1)].height_m


def check_against_video(entry: TrialEntry, info: VideoInfo) -> None:
    """Check what a manifest says of a trial's video against the video itself.

    Args:
        entry: of the manifest.
        info: of its video, probed.

    Raises:
        ManifestError: the part begins after the video's end, the camera is impossible for such images, or the athlete's
            box or point lies outside of them; the message names each key.
    """
    lines = [entry.place.line(key, problem) for key, problem in _contradictions(entry, info)]
    if lines:
        raise ManifestError("\n".join(lines))


def _contradictions(entry: TrialEntry, info: VideoInfo) -> Iterator[tuple[str, str]]:
    length_s = max(info.duration_s or math.inf, (info.frame_count or 0) / info.nominal_rate_hz)
    if entry.start_s is not None and entry.start_s >= length_s:
        yield "start_s", f"found {entry.start_s:g}; the video ends at {length_s:.2f} s, begin before that"
    if entry.end_s is not None and entry.end_s <= info.first_frame_s:
        problem = f"found {entry.end_s:g}; the video's first whole frame is at {info.first_frame_s:.2f} s, end after it"
        yield "end_s", problem
    if any(given is not None for given in (entry.focal_px, entry.horizontal_fov_deg, entry.distortion)):
        try:
            Trial.of(entry).clip.camera(info)
        except ValueError as error:
            yield "camera", str(error)
    if not isinstance(entry.person, str | int) and _is_outside(entry.person, info):
        size = f"{info.width_px} x {info.height_px}"
        yield "person", f"found {list(entry.person)}; that is outside of the image of {size} pixels"


def _is_outside(place: tuple[float, ...], info: VideoInfo) -> bool:
    """Whether a box (left, top, right, bottom) or a point (x, y, seconds) shares nothing with the image."""
    left, top = place[:2]
    right, bottom = place[2:] if len(place) == 4 else (left, top)
    return right < 0 or bottom < 0 or left >= info.width_px or top >= info.height_px
