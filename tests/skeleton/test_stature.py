"""The legs tell a model's stature."""

from pathlib import Path

import numpy as np
import pytest

from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaling import scale_to_static, scaled_geometry, standing_in
from biopose.skeleton.static_trial import judge_static
from biopose.skeleton.stature import LEG_PER_STATURE, model_height_m
from tests.skeleton.models import OpenSimPoser, lab_models, recording_of


def uniform(skeleton: Skeleton, ratio: float) -> np.ndarray:
    return np.full((len(skeleton.bodies), 3), ratio)


@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.3])
def test_stature_grows_with_the_model(full_body: Skeleton, ratio: float) -> None:
    before, after = model_height_m(full_body), model_height_m(scaled_geometry(full_body, uniform(full_body, ratio)))
    assert before is not None
    assert after == pytest.approx(ratio * before)


def test_the_default_model_is_an_adult(full_body: Skeleton) -> None:
    height_m = model_height_m(full_body)
    assert height_m is not None
    assert 1.55 < height_m < 1.95


def test_stature_is_the_legs_over_their_share(full_body: Skeleton, full_body_osim: Path) -> None:
    poser = OpenSimPoser(full_body_osim)
    poser.pose(full_body.default_pose)
    hip, knee, ankle = (poser.joint_center(name) for name in ("hip_r", "walker_knee_r", "ankle_r"))
    leg = np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle)
    assert model_height_m(full_body) == pytest.approx(leg / LEG_PER_STATURE)


def test_a_longer_trunk_changes_nothing(full_body: Skeleton) -> None:
    scales = uniform(full_body, 1.0)
    scales[full_body.body_names.index("torso")] = 1.5
    assert model_height_m(scaled_geometry(full_body, scales)) == pytest.approx(model_height_m(full_body))


def test_a_model_without_legs_has_no_stature(arm: Skeleton) -> None:
    assert model_height_m(arm) is None


@pytest.mark.parametrize("path", lab_models(), ids=lambda path: path.stem)
def test_a_laboratorys_model_is_a_person(path: Path) -> None:
    height_m = model_height_m(read_osim(path))
    assert height_m is not None
    assert 1.5 < height_m < 2.0


@pytest.mark.parametrize(("stated", "doubted"), [(1.06, False), (0.94, False), (0.7, True), (1.3, True)])
def test_a_height_that_the_legs_contradict_is_doubted(full_body: Skeleton, stated: float, doubted: bool) -> None:
    """As of somebody else, or of a typing error; the share of the legs differs from person to person."""
    own_m = model_height_m(full_body)
    assert own_m is not None
    static = recording_of(full_body, np.repeat(full_body.default_pose[None], 30, axis=0))
    scaling = scale_to_static(full_body, static, height_m=stated * own_m, model_height_m=own_m)
    judged = judge_static(standing_in(full_body, static), scaling, landmarks=static.names, height_m=stated * own_m)
    assert any(line.startswith("HEIGHT: ") for line in judged.lines()) == doubted
