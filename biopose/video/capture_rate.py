"""The rate at which a video was filmed, where its file states another than the one at which it is played.

What cameras write:

- Android (`MediaRecorder.setCaptureRate`; Samsung, Xiaomi and Pixel cameras): ``com.android.capture.fps``, a tag of the
  movie, for slow motion and time lapse. Some write it where the timestamps are real, too; the factor is then 1.
- Sony (XAVC S, "S&Q"): an XML document in the file, ``<VideoFrame captureFps="119.88p" formatFps="29.97p"/>``.
- Apple: no rate. ``com.apple.quicktime.full-frame-rate-playback-intent`` is 0 for normal videos, too (published
  listings of iPhones 15 and 16). A file as it was recorded has real timestamps at 120 or 240 frames/s. One whose slow
  motion was rendered at 30 frames/s states nothing; the published listings of those have the time base 1/2400 s and
  perfectly even frames, where normal videos have 1/600 s: a hint, no evidence.
- Samsung's super slow motion: a part of the movie that was filmed at 960 frames/s or interpolated, and a record named
  ``Super_SlowMotion_Data`` behind the movie. Its slow motion proper has Android's tag.
- GoPro and DJI: no tag that is documented.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

ANDROID_KEY = "com.android.capture.fps"
APPLE_INTENT_KEY = "com.apple.quicktime.full-frame-rate-playback-intent"
APPLE_RENDERED_TIME_BASE = Fraction(1, 2400)
APPLE_SLOW_MOTION_HZ = 100.0  # of 120 and 240: at or above, the timestamps are those of the camera
SAME_RATE = 0.02  # relative difference of two rates that nobody minds
REAL_SPEED = 1.1  # up to this factor the timestamps are real and the rate is a rounded or intended one
SLOWED = 1.4
LEAST_SLOW_MOTION_HZ = 48.0  # below, a phone that states 30 and plays at 20 frames/s filmed in the dark
PLAUSIBLE_HZ = (0.01, 100_000.0)
REMEDY = "recorded_hz in the manifest or --recorded-hz overrules it"
SAMSUNG_SUPER_SLOW = b"Super_SlowMotion_Data"
SUPER_SLOW_NOTE = (
    "A part of the video is Samsung's super slow motion: times in it are not real, and images may be interpolated. "
    "Measure the rest of it, by start_s and end_s, or film at a constant rate."
)
_SONY = re.compile(r"<VideoFrame\b[^>]*>")
_SONY_RATE = r"\b{}\s*=\s*[\"']\s*(\d+(?:\.\d+)?)[pi]?\s*[\"']"


@dataclass(frozen=True)
class CaptureRate:
    """What a file states about the rate at which it was filmed.

    Attributes:
        recorded_hz: frames per second at which it was filmed; None where it is the rate at which it is played.
        stated_hz: as the file states it; None where it states none.
        source: where it does.
        notes: what is odd about it, a sentence each.
    """

    recorded_hz: float | None = None
    stated_hz: float | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def notes_with(self, *, given_hz: float | None, played_hz: float) -> tuple[str, ...]:
        """Which rate is used and why, a sentence each; none where nobody states one.

        Args:
            given_hz: recorded rate that the user gives.
            played_hz: nominal rate.
        """
        if given_hz is None:
            return self._used(played_hz) + self.notes
        if self.stated_hz is None or abs(self.stated_hz / given_hz - 1) <= SAME_RATE:
            return ()
        return (
            f"The recorded rate that was given, {given_hz:g} frames/s, is used; the file's {self.source} states "
            f"{self.stated_hz:g} frames/s.",
        )

    def _used(self, played_hz: float) -> tuple[str, ...]:
        if self.recorded_hz is None:
            return ()
        kind = "slow motion" if self.recorded_hz > played_hz else "time lapse"
        return (
            f"The video is {kind}: it was filmed at {self.recorded_hz:g} frames/s, as the file's {self.source} states, "
            f"and is played at {played_hz:g}; its times are divided by {self.recorded_hz / played_hz:.4g}. {REMEDY}.",
        )


NO_CAPTURE_RATE = CaptureRate()


def capture_rate(
    tags: Mapping[str, str],
    *,
    played_hz: float,
    sony_xml: str = "",
    samsung_trailer: bytes = b"",
    time_base: Fraction = Fraction(1, 600),
) -> CaptureRate:
    """Weigh what a file states against the rate at which it is played.

    Args:
        tags: of the movie and its tracks.
        played_hz: nominal rate.
        sony_xml: the document in a Sony file; empty where there is none.
        samsung_trailer: the records behind a Samsung movie; empty where there are none.
        time_base: seconds of one tick of a timestamp.
    """
    stated, notes = [], [SUPER_SLOW_NOTE] if SAMSUNG_SUPER_SLOW in samsung_trailer else []
    for source, text, slowness in _statements(tags, sony_xml):
        rate_hz = _number(text)
        if rate_hz is None:
            notes.append(f"The file's {source} is {text!r}, which is no frame rate: it is ignored.")
        else:
            stated.append((rate_hz if slowness is None else played_hz * slowness, source))
    if not stated:
        return CaptureRate(notes=(*notes, *_apple_hint(tags, played_hz=played_hz, time_base=time_base)))
    (rate_hz, source), *others = stated
    notes += [
        f"The file's {source} states {rate_hz:g} frames/s, its {other} {other_hz:g}: the first is used. {REMEDY}."
        for other_hz, other in others
        if abs(other_hz / rate_hz - 1) > SAME_RATE
    ]
    factor = rate_hz / played_hz
    if _is_retimed(factor, rate_hz) or (source != ANDROID_KEY and abs(factor - 1) > SAME_RATE):
        return CaptureRate(rate_hz, rate_hz, source, tuple(notes))
    if max(factor, 1 / factor) > REAL_SPEED:
        notes.append(
            f"The file's {source} states {rate_hz:g} frames/s, its timestamps amount to {played_hz:.4g}: the "
            f"timestamps are used, as of a camera that filmed slower than it intended. {REMEDY}."
        )
    return CaptureRate(None, rate_hz, source, tuple(notes))


def _statements(tags: Mapping[str, str], sony_xml: str) -> Iterator[tuple[str, str, float | None]]:
    """Source, the number as written, and the factor of slow motion where that is what is stated."""
    for key, text in tags.items():
        if key.lower() == ANDROID_KEY:
            yield ANDROID_KEY, text, None
    for element in _SONY.findall(sony_xml):
        captured, played = (re.search(_SONY_RATE.format(name), element) for name in ("captureFps", "formatFps"))
        if captured:
            factor = float(captured[1]) / float(played[1]) if played and float(played[1]) else None
            yield "XML of the camera (captureFps)", captured[1], factor
            return


def _is_retimed(factor: float, rate_hz: float) -> bool:
    return (factor >= SLOWED and rate_hz >= LEAST_SLOW_MOTION_HZ) or factor <= 1 / SLOWED


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    low, high = PLAUSIBLE_HZ
    return number if math.isfinite(number) and low <= number <= high else None


def _apple_hint(tags: Mapping[str, str], *, played_hz: float, time_base: Fraction) -> tuple[str, ...]:
    rendered = time_base == APPLE_RENDERED_TIME_BASE and played_hz < APPLE_SLOW_MOTION_HZ
    if not (rendered and tags.get(APPLE_INTENT_KEY) == "0"):
        return ()
    return (
        f"The file looks like an iPhone's slow motion rendered at {played_hz:g} frames/s (time base 1/2400 s); "
        "it does not state the rate at which it was filmed, and its times are taken as real. Where it is slow motion, "
        "give 120 or 240 as recorded_hz in the manifest or --recorded-hz.",
    )
