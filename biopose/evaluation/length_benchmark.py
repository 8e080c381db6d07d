"""Speed and memory of `biopose measure` by the length of the video: does either depend on it?

The videos are made from one real clip, played forwards and backwards and repeated without being encoded again, so that
the person's motion has no break. Each is measured by the command itself, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from biopose.assets import asset
from biopose.errors import BioposeError
from biopose.evaluation.peer_benchmark import OURS
from biopose.io.files import sha256_of
from biopose.video.encoding import VideoFile
from biopose.video.frames import read_frames
from biopose.video.probe import probe_video

ONE_PERSON_CLIP = "clips/balance_cam04.mp4"  # 100 frames at 60 Hz
HEIGHT_M = 1.70
HOUR_HZ = 60.0
MIB = 2**20


def bench_lengths(
    lengths: Sequence[int], *, clip: Path | None, threads: int, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure repetitions of a clip, without an overlay.

    Args:
        lengths: frames of each video; rounded to whole repetitions.
        clip: None takes a clip of one person.
        threads: of the command.
        report: called with a line about each run.

    Returns:
        video_sha256 of the clip, and for each length frames, seconds, processor_s (of all threads), peak_mb,
        frames_per_s, and hours_per_hour: of computing for an hour at 60 Hz, extrapolated from its frames per second.

    Raises:
        BioposeError: a run fails.
    """
    clip = clip or asset(ONE_PERSON_CLIP)
    rows = []
    for length in lengths:
        with tempfile.TemporaryDirectory() as folder:
            video = Path(folder) / "repeated.mp4"
            frames = write_repeated(clip, video, frames=length)
            rows.append({"frames": frames, **_run(video, Path(folder) / "out", frames, threads=threads)})
        report(_line(rows[-1]))
    return {"video_sha256": sha256_of(clip), "lengths": rows}


def length_lines(result: dict[str, Any]) -> list[str]:
    """The result as text."""
    longest = max(result["lengths"], key=lambda row: row["frames"])
    return [
        *map(_line, result["lengths"]),
        f"An hour at {HOUR_HZ:.0f} Hz would take {longest['hours_per_hour']:.1f} hours, extrapolated from "
        f"{longest['frames']:,} frames",
    ]


def write_repeated(clip: Path, video: Path, *, frames: int) -> int:
    """Write a video of about so many frames: the clip forwards, backwards, forwards, and so on.

    Args:
        clip: of at least three frames.
        video: to write.
        frames: wanted.

    Returns:
        The number of frames written: whole repetitions, at least one.

    Raises:
        VideoError: the clip cannot be decoded.
    """
    rate_hz = probe_video(clip).nominal_rate_hz
    images = [frame.image for frame in read_frames(clip, warn=lambda _: None)]
    cycle = images + images[-2:0:-1]
    once = video.with_name("once.mp4")
    _encode(cycle, once, rate_hz=rate_hz)
    repetitions = max(round(frames / len(cycle)), 1)
    _repeat(once, video, repetitions=repetitions, length_s=len(cycle) / Fraction(rate_hz).limit_denominator(1001))
    return repetitions * len(cycle)


def _encode(images: Sequence[NDArray[np.uint8]], video: Path, *, rate_hz: float) -> None:
    height, width = (size - size % 2 for size in images[0].shape[:2])
    with VideoFile(video, width_px=width, height_px=height, rate_hz=rate_hz) as file:
        for number, image in enumerate(images):
            file.add(image[:height, :width], time_s=number / rate_hz)


def _repeat(once: Path, video: Path, *, repetitions: int, length_s: Fraction) -> None:
    """Copy the encoded images again and again, each time later."""
    with av.open(str(video), "w") as written:
        for repetition in range(repetitions):
            with av.open(str(once)) as read:
                source = read.streams.video[0]
                assert source.time_base is not None
                if repetition == 0:
                    stream = written.add_stream_from_template(source)
                for packet in read.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue  # the end
                    later = round(repetition * length_s / source.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                    written.mux(packet)


def _run(video: Path, out: Path, frames: int, *, threads: int) -> dict[str, float]:
    """Run the command, and account for its process."""
    command = [sys.executable, "-c", OURS, str(video), "--height-m", str(HEIGHT_M), "--no-overlay"]
    command += ["--threads", str(threads), "--out", str(out)]
    began_s = perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - fixed arguments
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - began_s
        if process.returncode:
            log.seek(0)
            raise BioposeError(f"biopose measure ended with {process.returncode}: {log.read().decode()[-600:]}")
    return {
        "seconds": seconds,
        "processor_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB,
        "frames_per_s": frames / seconds,
        "hours_per_hour": HOUR_HZ * seconds / frames,
    }


def _line(row: dict[str, float]) -> str:
    return (
        f"{row['frames']:>7,} frames  {row['seconds']:8.1f} s  {row['frames_per_s']:6.1f} frames/s  "
        f"{1000 * row['processor_s'] / row['frames']:6.0f} ms of processor a frame  {row['peak_mb']:6.0f} MB"
    )
