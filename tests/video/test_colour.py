"""Colours come out as a display of standard dynamic range shows them, however they are coded; guesses are named."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from biopose.video.colour import BT2020_TO_BT709
from biopose.video.frames import probe_video, read_frames
from tests.video.filming import film

BT2020_MATRIX, BT709_MATRIX, BT601_MATRIX, LIMITED, FULL = 9, 1, 6, 1, 2
PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)


def patches(
    path: Path,
    signal: NDArray[np.float64],
    *,
    transfer: int = 2,
    primaries: int = 2,
    matrix: int = 2,
    weights: tuple[float, float] = (0.2126, 0.0722),
    colour_range: int = LIMITED,
    height: int = 64,
) -> Path:
    """A lossless video of patches, 32 pixels wide each, of coded R'G'B' (N, 3) from 0 to 1, in ten bits."""
    red, blue = weights
    luma = signal @ [red, 1 - red - blue, blue]
    cb, cr = (signal[:, 2] - luma) / (2 - 2 * blue), (signal[:, 0] - luma) / (2 - 2 * red)
    luma_scale, luma_offset, chroma_scale = (876, 64, 896) if colour_range == LIMITED else (1023, 0, 1023)
    planes = [luma * luma_scale + luma_offset, cb * chroma_scale + 512, cr * chroma_scale + 512]
    width = 32 * len(signal)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, primaries
        context.colorspace, context.color_range = matrix, colour_range
        frame = av.VideoFrame(width, height, "yuv444p10le")
        for plane, values in zip(frame.planes, planes, strict=True):
            row = np.zeros(plane.line_size // 2, dtype="<u2")
            row[:width] = np.repeat(np.rint(values), 32)
            plane.update(np.tile(row, (height, 1)).tobytes())
        frame.color_trc, frame.color_primaries = transfer, primaries
        frame.colorspace, frame.color_range = matrix, colour_range
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shown(path: Path) -> NDArray[np.float64]:
    """(N, 3) mean of each patch's middle, from 0 to 1."""
    image = next(read_frames(path, warn=lambda _: None)).image
    return image.reshape(image.shape[0], -1, 32, 3)[8:-8, :, 8:-8].mean(axis=(0, 2)) / 255


def bt709_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099)


def hlg_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100's OETF of scene light."""
    return np.where(
        light <= 1 / 12,
        np.sqrt(3 * light),
        0.17883277 * np.log(12 * np.maximum(light, 1 / 12) - 0.28466892) + 0.55991073,
    )


def pq_signal(cd_m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100's inverse EOTF."""
    power = (cd_m2 / 10_000) ** (2610 / 16384)
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


SCENE = np.array([[0.02] * 3, [0.18] * 3, [0.5] * 3, [0.45, 0.25, 0.18], [0.05, 0.2, 0.4]])  # greys, skin, denim
BT2020 = {"matrix": BT2020_MATRIX, "primaries": int(ColorPrimaries.BT2020), "weights": (0.2627, 0.0593)}


def in_bt2020(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return light @ np.linalg.inv(BT2020_TO_BT709.astype(np.float64)).T


def test_hybrid_log_gamma_is_shown_as_a_camera_of_standard_range_would_code_the_scene(tmp_path: Path) -> None:
    path = patches(tmp_path / "x.mkv", hlg_signal(in_bt2020(SCENE) * 0.26496), transfer=HLG, **BT2020)
    np.testing.assert_allclose(shown(path), bt709_signal(SCENE), atol=0.02)
    (note,) = probe_video(path).notes
    assert "high dynamic range (HLG): its images were tone-mapped" in note


def test_perceptual_quantiser_is_shown_as_a_display_of_standard_range_would_show_it(tmp_path: Path) -> None:
    path = patches(tmp_path / "x.mkv", pq_signal(in_bt2020(SCENE) * 203), transfer=PQ, **BT2020)
    np.testing.assert_allclose(shown(path), SCENE ** (1 / 2.4), atol=0.02)
    assert "high dynamic range (PQ)" in probe_video(path).notes[0]


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_highlights_stay_apart_and_in_order(transfer: int, tmp_path: Path) -> None:
    grey = np.linspace(0, 1, 24)[:, None] * np.ones(3)
    levels = shown(patches(tmp_path / "x.mkv", grey, transfer=transfer, **BT2020))
    assert (np.diff(levels[:, 1]) >= 0).all()
    assert (np.diff(levels[:15, 1]) > 0).all()
    assert (levels[0] < 0.01).all()
    assert (levels[-1] > 0.95).all()
    np.testing.assert_allclose(levels, levels[:, 1:2] * np.ones(3), atol=0.01)


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize(("matrix", "weights"), [(BT709_MATRIX, (0.2126, 0.0722)), (BT601_MATRIX, (0.299, 0.114))])
def test_a_tagged_matrix_and_range_are_kept(
    matrix: int, weights: tuple[float, float], colour_range: int, tmp_path: Path
) -> None:
    signal = np.array([[0.0, 0, 0], [1, 1, 1], [0.8, 0.5, 0.4], [0.2, 0.6, 0.3]])
    path = patches(tmp_path / "x.mkv", signal, matrix=matrix, weights=weights, colour_range=colour_range)
    np.testing.assert_allclose(shown(path), signal, atol=0.012)
    assert probe_video(path).notes == ()


def test_an_untagged_matrix_is_bt601_and_named_where_bt709_is_as_likely(tmp_path: Path) -> None:
    signal = np.array([[0.8, 0.5, 0.4], [0.2, 0.6, 0.3]] * 12)
    path = patches(tmp_path / "hd.mkv", signal, weights=(0.299, 0.114), height=720)
    np.testing.assert_allclose(shown(path), signal, atol=0.012)
    assert "does not state its colour matrix: BT.601 was assumed" in probe_video(path).notes[0]
    assert probe_video(film(tmp_path / "small.mp4", 3)).notes == ()
