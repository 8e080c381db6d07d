"""From a decoded frame to red, green and blue as the networks know them: BT.709, eight bits, standard dynamic range.

Conversion to RGB follows the frame's tags: its matrix (BT.601, BT.709, BT.2020) and its range (limited or full).
Without a tag FFmpeg's assumptions hold: BT.601 whatever the size, and limited range but for the "yuvj" formats.

High dynamic range is tone-mapped: the signal is linearised by the inverse of its transfer function (ITU-R BT.2100:
perceptual quantiser, PQ, or hybrid log-gamma, HLG), scaled so that the reference white of ITU-R BT.2408 (203 cd/m2, a
signal of 0.58 in PQ and 0.75 in HLG) is 1, brought to BT.709's primaries (ITU-R BT.2087), compressed above a knee so
that highlights stay apart, and coded as BT.709 again. HLG is scene light, for which that is BT.709's own transfer
function; PQ is light of a display, for which it is the inverse of BT.1886.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

CONVERSION_THREADS = 2
UNSPECIFIED_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED
HD_HEIGHT_PX = 720  # from here on an untagged file is as likely BT.709 as BT.601
HDR_NAMES = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
REFERENCE_WHITE_CD_M2 = 203.0
KNEE = 0.6  # of linear light, where compression begins
ROWS = 64  # converted at a time, so that they stay in the processor's cache
STEPS = 4096
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def rgb_of(frame: VideoFrame, *, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Convert a frame to (height_px, width_px, 3) RGB of standard dynamic range; rows may be padded."""
    transfer = HDR_NAMES.get(frame.color_trc)
    rgb = frame.to_ndarray(
        format="rgb48le" if transfer else "rgb24", width=width_px, height=height_px, threads=CONVERSION_THREADS
    )
    if transfer is None:
        return np.asarray(rgb, dtype=np.uint8)
    return _tone_mapped(
        np.asarray(rgb, dtype=np.uint16), transfer, wide=frame.color_primaries == int(ColorPrimaries.BT2020)
    )


def colour_notes(frame: VideoFrame) -> tuple[str, ...]:
    """What had to be assumed or changed about a frame's colour, a sentence each."""
    transfer = HDR_NAMES.get(frame.color_trc)
    if transfer:
        return (
            f"The video has a high dynamic range ({transfer}): its images were tone-mapped to the standard range "
            "(BT.709) before anything was detected in them.",
        )
    size = min(frame.width, frame.height)
    if frame.colorspace == UNSPECIFIED_MATRIX and size >= HD_HEIGHT_PX and frame.format.name.startswith("yuv"):
        return (
            "The video does not state its colour matrix: BT.601 was assumed; where it is BT.709, hues are off by a few "
            "percent.",
        )
    return ()


@dataclass(frozen=True, eq=False)
class _Curves:
    """Tables: from a signal's upper 12 bits to linear light, and from the root of linear light to eight bits."""

    linear: NDArray[np.float32]
    most: float
    coded: NDArray[np.uint8]


@cache
def _curves(transfer: str) -> _Curves:
    signal = np.linspace(0, 1, STEPS)
    linear = _pq_linear(signal) if transfer == "PQ" else _hlg_linear(signal)
    most = float(linear.max())
    compressed = _compressed(np.linspace(0, 1, STEPS) ** 2 * most)
    coded = compressed ** (1 / 2.4) if transfer == "PQ" else _bt709_signal(compressed)
    return _Curves(linear.astype(np.float32), most, np.rint(255 * coded).astype(np.uint8))


def _pq_linear(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084's EOTF, in multiples of the reference white."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = signal ** (1 / m2)
    light: NDArray[np.float64] = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light * (10_000 / REFERENCE_WHITE_CD_M2)


def _hlg_linear(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of BT.2100's OETF, in multiples of the scene light of the reference white, signal 0.75."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073

    def light(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(at <= 0.5, at**2 / 3, (np.exp((at - c) / a) + b) / 12)

    return light(signal) / light(np.array(0.75))


def _compressed(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The identity up to the knee, then an exponential approach to 1 with the same slope there."""
    beyond = np.maximum(light - KNEE, 0) / (1 - KNEE)
    return np.where(light <= KNEE, light, KNEE + (1 - KNEE) * -np.expm1(-beyond))


def _bt709_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.709's OETF."""
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099)


def _tone_mapped(rgb: NDArray[np.uint16], transfer: str, *, wide: bool) -> NDArray[np.uint8]:
    curves = _curves(transfer)
    mapped = np.empty(rgb.shape, dtype=np.uint8)
    for top in range(0, len(rgb), ROWS):
        linear = curves.linear[rgb[top : top + ROWS] >> 4]
        if wide:
            linear = linear @ BT2020_TO_BT709.T
        index = np.sqrt(np.clip(linear / np.float32(curves.most), 0, 1)) * np.float32(STEPS - 1)
        mapped[top : top + ROWS] = curves.coded[(index + np.float32(0.5)).astype(np.uint16)]
    return mapped
