"""The scaled model file is the scaled skeleton, with the person's mass."""

from pathlib import Path

import numpy as np
import pytest

from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import Scaling, scaled_geometry
from tests.skeleton import models
from tests.skeleton.models import OpenSimPoser, random_poses


def scaling_of(skeleton: Skeleton, seed: int = 0) -> Scaling:
    """Any factors, and markers moved by a centimetre."""
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.8, 1.25, (len(skeleton.bodies), 3))
    scales[0] = 1.0
    scaled = scaled_geometry(skeleton, scales)
    moved = tuple(
        type(m)(m.name, m.body, m.location_m + 0.01 * rng.normal(size=3), fixed=m.fixed) for m in scaled.markers
    )
    return Scaling(
        scales, skeleton.default_pose, np.zeros(len(moved)), skeleton.marker_names, scaled.with_markers(moved)
    )


@pytest.mark.parametrize("name", ["full_body", "every_part"])
def test_the_file_is_the_skeleton(request: pytest.FixtureRequest, name: str, tmp_path: Path) -> None:
    source, skeleton = request.getfixturevalue(f"{name}_osim"), request.getfixturevalue(name)
    scaling = scaling_of(skeleton)
    path = write_scaled_osim(source, tmp_path / "scaled.osim", scaling, mass_kg=80.0)
    found = read_osim(path)
    q = random_poses(skeleton, count=30)
    np.testing.assert_allclose(models.markers_at(found, q), models.markers_at(scaling.skeleton, q), atol=1e-9)
    poser = OpenSimPoser(path)
    for values, markers in zip(q, models.markers_at(scaling.skeleton, q), strict=True):
        poser.pose(values)
        np.testing.assert_allclose(poser.marker_positions(), markers, atol=1e-9)
    assert found.coordinate_names == skeleton.coordinate_names
    assert found.marker_names == skeleton.marker_names
    assert found.name == f"{skeleton.name}_scaled"


@pytest.mark.parametrize("mass_kg", [45.0, 110.0, None])
def test_masses_add_up_and_keep_their_shares(
    full_body_osim: Path, full_body: Skeleton, tmp_path: Path, mass_kg: float | None
) -> None:
    path = write_scaled_osim(full_body_osim, tmp_path / "scaled.osim", scaling_of(full_body), mass_kg=mass_kg)
    found = read_osim(path)
    expected = full_body.mass_kg if mass_kg is None else mass_kg
    assert found.mass_kg == pytest.approx(expected, rel=1e-9)
    shares = [b.mass_kg / found.mass_kg for b in found.bodies]
    np.testing.assert_allclose(shares, [b.mass_kg / full_body.mass_kg for b in full_body.bodies], rtol=1e-9)


def test_mass_centres_and_inertias_are_scaled_with_their_bodies(
    full_body_osim: Path, full_body: Skeleton, tmp_path: Path
) -> None:
    scaling = scaling_of(full_body)
    found = read_osim(write_scaled_osim(full_body_osim, tmp_path / "scaled.osim", scaling))
    for before, after, factors in zip(full_body.bodies[1:], found.bodies[1:], scaling.body_scales[1:], strict=True):
        assert after.name == before.name
        np.testing.assert_allclose(after.mass_center_m, before.mass_center_m * factors, atol=1e-12)
        assert (np.linalg.eigvalsh(after.inertia_kg_m2) > 0).all()


@pytest.mark.parametrize("mass_kg", [0.0, -1.0, float("nan")])
def test_a_mass_is_positive(full_body_osim: Path, full_body: Skeleton, tmp_path: Path, mass_kg: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        write_scaled_osim(full_body_osim, tmp_path / "scaled.osim", scaling_of(full_body), mass_kg=mass_kg)
    assert not list(tmp_path.iterdir())
