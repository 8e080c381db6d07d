"""Everybody is dressed from head to foot, differently, in colours that exist."""

import numpy as np
import pytest

from biopose.body.segment_body import SEGMENTS
from biopose.training.synthetic import clothing
from biopose.training.synthetic.clothing import Clothing, draw_colour
from tests.training.synthetic.drawn_people import segment_body


@pytest.fixture(scope="module")
def clothes() -> Clothing:
    return Clothing(segment_body())


def test_outfits_have_a_colour_and_a_thickness_for_each_vertex(clothes: Clothing) -> None:
    for seed in range(30):
        outfit = clothes.draw(np.random.default_rng(seed))
        assert outfit.colours.shape == clothes.reference.shape
        assert outfit.thickness.shape == clothes.reference.shape[:1]
        assert outfit.colours.dtype == outfit.thickness.dtype == np.float32
        assert outfit.colours.min() >= 0.0
        assert outfit.colours.max() <= 1.0
        assert outfit.thickness.min() > -0.005
        assert outfit.thickness.max() < 0.06


def test_the_same_seed_dresses_alike_and_another_differently(clothes: Clothing) -> None:
    first, again, other = (clothes.draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.colours, again.colours)
    np.testing.assert_array_equal(first.thickness, again.thickness)
    assert np.abs(first.colours - other.colours).max() > 0.05


def test_hands_are_bare_and_hips_are_clothed(clothes: Clothing) -> None:
    of_segment = {name: clothes.segment == SEGMENTS.index(name) for name in ("hand_r", "hand_l", "pelvis")}
    for seed in range(10):
        outfit = clothes.draw(np.random.default_rng(seed))
        assert not outfit.thickness[of_segment["hand_r"] | of_segment["hand_l"]].any()
        assert outfit.thickness[of_segment["pelvis"]].mean() > 0.5 * clothing.TIGHT_OF_HEIGHT


@pytest.mark.parametrize("stem", ["femur", "tibia", "humerus"])
def test_shares_along_a_limb_run_from_its_near_end_to_its_far_end(clothes: Clothing, stem: str) -> None:
    heads = segment_body().rig.template_bone_heads.numpy()
    for side in "rl":
        mine = clothes.segment == SEGMENTS.index(f"{stem}_{side}")
        share, points = clothes.along[stem][mine], clothes.reference[mine]
        assert share.min() == pytest.approx(0.0)
        assert share.max() == pytest.approx(1.0, abs=1e-5)
        from_joint = np.linalg.norm(points - heads[SEGMENTS.index(f"{stem}_{side}")], axis=1)
        assert np.corrcoef(share, from_joint)[0, 1] > 0.9


def test_drawn_colours_are_colours() -> None:
    rng = np.random.default_rng(0)
    colours = np.stack([draw_colour(rng) for _ in range(2000)])
    assert colours.min() >= 0.0
    assert colours.max() <= 1.0
    grey = np.ptp(colours, axis=1) == 0
    assert 0.4 < grey.mean() < 0.6
