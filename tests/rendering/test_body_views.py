from pathlib import Path

import numpy as np
import pytest

from biopose.rendering.body_views import FRONT, RIGHT, View, draw_views, main, write_png
from tests.body.bodies import needs_body_asset

VERTICES = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, -1]])
TRIANGLES = np.array([[0, 1, 2]])


def test_views_stand_side_by_side_and_show_the_mesh() -> None:
    views = [View(FRONT, (0, 0.5, -0.5), 2.0), View(RIGHT, (0, 0.5, -0.5), 2.0)]
    pixels = draw_views(VERTICES, TRIANGLES, {}, views, width_px=80, height_px=60)
    assert pixels.shape == (60, 160, 3)
    seen_from_front, seen_edge_on = ((half < 250).any(axis=-1).sum() for half in (pixels[:, :80], pixels[:, 80:]))
    assert seen_from_front > 10 * seen_edge_on


def test_from_the_front_the_bodys_left_is_on_the_right() -> None:
    view = [View(FRONT, (0, 0.5, 0), 3.0)]
    pixels = draw_views(
        VERTICES, TRIANGLES, {"L": np.array([0.1, 0.5, -1.2])}, view, width_px=90, height_px=90, radius_m=0.1
    )
    columns = np.flatnonzero((pixels < 250).any(axis=(0, 2)))
    assert columns.min() > 40


def test_a_point_behind_the_mesh_is_drawn_only_where_the_mesh_is_transparent() -> None:
    view, points = [View(FRONT, (0, 0.5, -0.5), 2.0)], {"": np.array([-0.5, 0.3, -0.3])}
    for opacity, drawn in ((1.0, False), (0.5, True)):
        with_point, without = (
            draw_views(VERTICES, TRIANGLES, some, view, width_px=80, height_px=60, radius_m=0.05, opacity=opacity)
            for some in (points, {})
        )
        assert (with_point != without).any() == drawn


def test_png_keeps_the_picture(tmp_path: Path) -> None:
    write_png(np.zeros((4, 6, 3), dtype=np.uint8), tmp_path / "black.png")
    assert (tmp_path / "black.png").read_bytes().startswith(b"\x89PNG")


@needs_body_asset
def test_command_writes_the_picture(tmp_path: Path) -> None:
    main(["--out", str(tmp_path / "knee.png"), "--region", "knee"])
    assert (tmp_path / "knee.png").stat().st_size > 10_000


def test_command_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "example: python -m biopose.rendering.body_views" in capsys.readouterr().out
