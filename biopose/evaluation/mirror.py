"""The mirror test: a clip and its mirror image, measured alike, should give mirrored angles.

In a mirror the right leg is the left one, and bending to the right is bending to the left; everything else is the
same. So whatever differs is the method's own handedness: no reference is needed, any video will do. The mirror image
is written without loss, so that it holds the same pixels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from biopose.evaluation.method import MeasureVideo, our_method
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.limbs import LIMBS
from biopose.training.data.poses import mirror
from biopose.video.encoding import TIME_BASE
from biopose.video.frames import Frame, read_frames
from biopose.video.probe import probe_video

LOSSLESS = {"qp": "0", "preset": "ultrafast"}


def evaluate_mirror(
    videos: Sequence[Path],
    *,
    height_m: float,
    method: MethodName = DEFAULT_METHOD,
    threads: int = 2,
    measure: MeasureVideo | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure videos and their mirror images, and compare the angles of the largest person.

    Args:
        videos: any.
        height_m: of the people in them.
        method: of BioPose's.
        threads: of everything that runs on a CPU.
        measure: a method to evaluate instead of ours.
        progress: called with the name of each video before it.

    Returns:
        median_deg, p95_deg, max_deg of the absolute differences of all joints' angles, without the pelvis; the same of
        the lower limb, the upper limb and the trunk under groups, by coordinate (right and left together) under
        coordinates, and by video under videos.

    Raises:
        BioposeError: a video cannot be measured.
    """
    measure = measure or our_method(method, threads=threads)
    by_video: dict[str, dict[str, NDArray[np.float64]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, video in enumerate(videos):
            progress(video.name)
            image = Path(folder) / f"{number}.mp4"
            write_mirror_image(video, image)
            pair = (measure(each, height_m=height_m, camera=None) for each in (video, image))
            by_video[str(video)] = angle_differences(*pair)
    names = dict.fromkeys(name for differences in by_video.values() for name in differences)
    together = {name: np.concatenate([each[name] for each in by_video.values() if name in each]) for name in names}
    return _statistics(together.values()) | {
        "groups": {
            group: _statistics(together[name] for name in of_group) for group, of_group in _groups(names).items()
        },
        "coordinates": {name: _statistics([values]) for name, values in together.items()},
        "videos": {name: _statistics(differences.values()) for name, differences in by_video.items()},
    }


def write_mirror_image(video: Path, mirror_image: Path) -> None:
    """Write a video's mirror image without loss: left is right, at the same times.

    Args:
        video: to read.
        mirror_image: the .mp4 to write.

    Raises:
        VideoError: the video cannot be decoded.
    """
    info = probe_video(video)
    rate = Fraction(info.nominal_rate_hz).limit_denominator(1001)
    with av.open(str(mirror_image), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate, options=LOSSLESS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = info.width_px, info.height_px, "rgb24"
        stream.codec_context.time_base = TIME_BASE
        for frame in read_frames(video):
            container.mux(stream.encode(_mirrored(frame)))
        container.mux(stream.encode(None))


def _mirrored(frame: Frame) -> av.VideoFrame:
    image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.image[:, ::-1]), format="rgb24")
    image.pts, image.time_base = round(frame.time_s / TIME_BASE), TIME_BASE
    return image


def angle_differences(person: PersonMeasurement, image: PersonMeasurement) -> dict[str, NDArray[np.float64]]:
    """Absolute differences in degrees of a person's angles and those of the mirror image, in the frames of both.

    Args:
        person: measured.
        image: the same person in the mirror.

    Returns:
        (F,) or, of the limbs, (2 F,) by coordinate without its side.
    """
    _, ours, theirs = np.intersect1d(person.track.frame_indices, image.track.frame_indices, return_indices=True)
    skeleton = person.person.skeleton
    free = skeleton.rotational_names - {n for n in skeleton.coordinate_names if n.startswith("pelvis_") or "beta" in n}
    names = [n for n in person.coordinates.names if n in free]
    columns_of = [image.coordinates.names.index(name) for name in names]
    expected = mirror(image.coordinates.values, image.coordinates.names)[theirs][:, columns_of]
    values = nearest_representation(skeleton, names, person.coordinates.select(names).values[ours], expected)
    off_deg = np.degrees(np.abs(values - expected))
    columns: dict[str, list[NDArray[np.float64]]] = {}
    for name, column in zip(names, off_deg.T, strict=True):
        columns.setdefault(name.removesuffix("_r").removesuffix("_l"), []).append(column)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    known = list(names)
    groups = {group: [name for name in known if f"{name}_".startswith(starts)] for group, starts in LIMBS.items()}
    return {group: of_group for group, of_group in groups.items() if of_group}


def _statistics(parts: Iterable[NDArray[np.float64]]) -> dict[str, float]:
    values = np.concatenate(list(parts))
    return {
        "median_deg": float(np.median(values)),
        "p95_deg": float(np.quantile(values, 0.95)),
        "max_deg": float(values.max()),
    }


def mirror_lines(result: Mapping[str, Any]) -> list[str]:
    """As text: a row a coordinate, of each group, and of all."""
    lines = [f"{'absolute differences, degrees':32}{'median':>8}{'95 %':>8}{'largest':>9}"]
    rows = {**result["coordinates"], **result["groups"], "all": result}
    return lines + [
        f"{name:32}{row['median_deg']:8.2f}{row['p95_deg']:8.2f}{row['max_deg']:9.2f}" for name, row in rows.items()
    ]
