"""What `biopose people` does: perceive a video, and draw who is in it."""

from __future__ import annotations

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


def tracked_people(video: Path, *, start_s: float | None, end_s: float | None, threads: int) -> list[PersonTrack]:
    """Everybody in a video, numbered as `biopose measure` numbers them.

    Raises:
        VideoError: the video cannot be decoded.
        TrackingError: nobody is found.
    """
    info = probe_video(video)
    check_image_size(info)
    models = PerceptionModels.load(METHODS["keypoint_fit"], WeightFiles(), threads=threads)  # tokens change no track
    (shard,) = Clip(video, start_s=start_s, end_s=end_s).shards(info, shard_s=float("inf"))
    found, _, _ = join_shards(perceive(shard, detector=models.detector, network=models.keypoints))
    try:
        return choose_athletes(
            found.tracks,
            choices=["all"],
            width_px=found.width_px,
            height_px=found.height_px,
            frame_count=found.frame_count,
        )
    except TrackingError as error:
        raise TrackingError(f"{video}: {error}") from error


def draw_people(
    tracks: Sequence[PersonTrack], video: Path, out: Path, *, start_s: float | None, end_s: float | None
) -> None:
    """Write the picture of a video's people, whole or not at all; its format is that of the file's name."""
    sheet = people_sheet(tracks, read_frames(video, start_s=start_s, end_s=end_s, warn=lambda _: None))
    with written_whole(out) as partial:
        Image.fromarray(sheet).save(partial)


def people_lines(tracks: Sequence[PersonTrack], video: Path, out: Path) -> list[str]:
    """The result as text, with the command that measures them."""
    chosen = " ".join(f"--athlete {track.person} --height-m HEIGHT" for track in tracks[:2])
    return [
        *(
            f"person {track.person}: {track.time_s[0]:.2f} to {track.time_s[-1]:.2f} s, {track.detected.sum()} frames"
            for track in tracks
        ),
        f"Look at {out}",
        f"Next: biopose measure {video} {chosen} --out FOLDER",
    ]
