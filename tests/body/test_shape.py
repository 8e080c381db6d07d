import pytest
import torch

from biopose.body.anny import Body
from biopose.body.shape import draw_shapes, height_m, mass_kg, measurements, phenotype_for
from tests.body.bodies import body_in_double, needs_body_asset


@pytest.fixture(scope="module")
def body() -> Body:
    return body_in_double()


def tetrahedron(edge_m: float) -> tuple[torch.Tensor, torch.Tensor]:
    vertices = edge_m * torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    return vertices, torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def test_mass_of_a_tetrahedron_is_its_volume_times_the_density() -> None:
    vertices, triangles = tetrahedron(0.6)
    torch.testing.assert_close(mass_kg(vertices, triangles), torch.tensor(985 * 0.6**3 / 6, dtype=torch.float64))


def test_mass_does_not_depend_on_where_the_body_is() -> None:
    vertices, triangles = tetrahedron(0.6)
    torch.testing.assert_close(mass_kg(vertices + 7.0, triangles), mass_kg(vertices, triangles))


@needs_body_asset
def test_phenotype_reaches_height_and_mass(body: Body) -> None:
    height = torch.tensor([[1.50, 1.60], [1.76, 1.95]], dtype=torch.float64)
    mass = torch.tensor([[45.0, 70.0], [78.0, 118.0]], dtype=torch.float64)
    gender = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    phenotype = phenotype_for(body, height_m=height, mass_kg=mass, gender=gender)
    assert phenotype.shape == (2, 2, 6)
    assert phenotype.min() >= 0
    assert phenotype.max() <= 1
    found = measurements(body.with_shape(phenotype))
    torch.testing.assert_close(found["height_m"], height, atol=2e-4, rtol=0)
    torch.testing.assert_close(found["mass_kg"], mass, atol=2e-2, rtol=0)


@needs_body_asset
def test_given_muscle_is_kept(body: Body) -> None:
    phenotype = phenotype_for(body, height_m=1.76, mass_kg=85.0, gender=0.0, muscle=0.9)
    assert phenotype[body.phenotype_labels.index("muscle")] == pytest.approx(0.9)


@needs_body_asset
def test_a_taller_body_has_longer_segments(body: Body) -> None:
    phenotype = phenotype_for(body, height_m=torch.tensor([1.6, 1.9]), mass_kg=torch.tensor([60.0, 90.0]), gender=0.0)
    found = measurements(body.with_shape(phenotype))
    assert all((found[name][1] > found[name][0]).all() for name in found)


@needs_body_asset
@pytest.mark.parametrize(("height", "mass", "said"), [(2.9, 80.0, "height_m"), (1.8, 300.0, "mass_kg")])
def test_what_is_out_of_reach_is_refused_with_the_interval(body: Body, height: float, mass: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"{said}=.* reaches [\d.]+ to [\d.]+"):
        phenotype_for(body, height_m=height, mass_kg=mass)


@needs_body_asset
@pytest.mark.slow
def test_drawn_athletes_are_spread_as_in_ansur(body: Body) -> None:
    """Means over 120 draws lie within three standard errors of the survey's."""
    phenotype = draw_shapes(body, 120, seed=3)
    found, women = measurements(body.with_shape(phenotype)), phenotype[:, 0] == 1
    for of_sex, mean_m, mean_kg in ((women, 1.628, 67.8), (~women, 1.756, 85.5)):
        error = 3 / of_sex.sum().sqrt()
        assert abs(found["height_m"][of_sex].mean() - mean_m) < 0.067 * error
        assert abs(found["mass_kg"][of_sex].mean() - mean_kg) < 13 * error
    assert torch.corrcoef(torch.stack([found["height_m"], found["mass_kg"]]))[0, 1] > 0.4


@needs_body_asset
def test_draws_repeat_with_their_seed(body: Body) -> None:
    torch.testing.assert_close(draw_shapes(body, 3, seed=5), draw_shapes(body, 3, seed=5))
    assert not torch.equal(draw_shapes(body, 3, seed=5), draw_shapes(body, 3, seed=6))


@needs_body_asset
def test_height_is_the_extent_along_y(body: Body) -> None:
    vertices = body.with_shape(torch.full((6,), 0.5, dtype=torch.float64)).vertices
    assert height_m(vertices) == vertices[:, 1].max() - vertices[:, 1].min()
