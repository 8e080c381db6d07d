"""What `biopose people` does: perceive a video, and draw who is in it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from biopose.errors import TrackingError
from biopose.io.files import written_whole
from biopose.pipeline import METHODS, Clip
from biopose.reconstruction.models import PerceptionModels, WeightFiles
from biopose.rendering.people_sheet import people_sheet
from biopose.tracking.people import join_shards
from biopose.tracking.shards import perceive
from biopose.tracking.subject_choice import choose_athletes
from biopose.tracking.tracks import PersonTrack
from biopose.video.frames import read_frames
from biopose.video.probe import check_image_size, probe_video


def tracked_people(clip: Clip, *, threads: int) -> tuple[list[PersonTrack], tuple[str, ...]]:
    """Everybody in a video, numbered as `biopose measure` numbers them, and notes about the video.

    Raises:
        VideoError: the video cannot be decoded.
        TrackingError: nobody is found.
    """
    info = probe_video(clip.video)
    check_image_size(info)
    models = PerceptionModels.load(METHODS["keypoint_fit"], WeightFiles(), threads=threads)  # tokens change no track
    (shard,) = clip.shards(info, shard_s=float("inf"))
    found, _, notes = join_shards(perceive(shard, detector=models.detector, network=models.keypoints))
    try:
        tracks = choose_athletes(
            found.tracks,
            choices=["all"],
            width_px=found.width_px,
            height_px=found.height_px,
            frame_count=found.frame_count,
        )
    except TrackingError as error:
        raise TrackingError(f"{clip.video}: {error}") from error
    return tracks, notes


def draw_people(tracks: Sequence[PersonTrack], clip: Clip, out: Path) -> None:
    """Write the picture of a video's people, whole or not at all."""
    frames = read_frames(
        clip.video,
        start_s=clip.start_s,
        end_s=clip.end_s,
        recorded_rate_hz=clip.recorded_rate_hz,
        keep_readable=clip.keep_readable,
        warn=lambda _: None,  # noted when the people were detected
    )
    sheet = people_sheet(tracks, frames)
    with written_whole(out) as partial:
        Image.fromarray(sheet).save(partial)


def people_lines(tracks: Sequence[PersonTrack], notes: Sequence[str], clip: Clip, out: Path) -> list[str]:
    """The result as text, with the command that measures them."""
    chosen = " ".join(f"--athlete {track.person} --height-m HEIGHT" for track in tracks[:2])
    return [
        *(
            f"person {track.person}: {track.time_s[0]:.2f} to {track.time_s[-1]:.2f} s, {track.detected.sum()} frames"
            for track in tracks
        ),
        *(f"note: {note}" for note in notes),
        f"Look at {out}",
        f"Next: biopose measure {shlex.quote(str(clip.video))} {chosen} {_options(clip)}--out FOLDER",
    ]


def _options(clip: Clip) -> str:
    """What the numbers depend on, as options of `biopose measure`."""
    given = {"--start-s": clip.start_s, "--end-s": clip.end_s, "--recorded-hz": clip.recorded_rate_hz}
    options = [f"{option} {value:g} " for option, value in given.items() if value is not None]
    return "".join(options) + ("--keep-readable " if clip.keep_readable else "")
