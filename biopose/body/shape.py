"""Shapes with real units: phenotypes for a height and a mass, and athletes drawn as the population is spread.

Height is the extent of the rest mesh along y: bare feet to the top of the head. Anny rests with the feet about a hip's
width and a half apart and the elbows bent, so a person who stands with the feet together is 4 to 7 mm taller.

Mass is the mesh's volume times 985 kg/m3, the mean density of a living body with air in its lungs that the body-model
literature uses (Choutas et al. 2022, "Accurate 3D body shape regression using metric and semantic attributes").
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.rig import ShapedBody

DENSITY_KG_PER_M3 = 985.0
YOUNG_ADULT = 2 / 3  # anny's "young" node of age, its adult in the prime; 1 is old
HEIGHT_TOLERANCE_M = 1e-4
MASS_TOLERANCE_KG = 1e-2
CHUNK = 64  # bodies whose meshes are held at once
TRUNCATION_SD = 2.5
MUSCLE_DRAWS = 50
PHENOTYPE_LABELS = ("gender", "age", "muscle", "weight", "height", "proportions")
MUSCLES_BY_PREFERENCE = (0.5, 0.6, 0.4, 0.7, 0.3, 0.8, 0.2, 0.9, 0.1, 1.0, 0.0)


@dataclass(frozen=True)
class Population:
    """Stature and mass of one sex: normal in stature and in the logarithm of mass, correlated."""

    height_mean_m: float
    height_sd_m: float
    log_mass_mean: float
    log_mass_sd: float
    correlation: float


# Computed from the public measurements of ANSUR II: 4,082 men and 1,986 women of the US Army (Gordon et al. 2014, "2012
# Anthropometric Survey of U.S. Army Personnel", NATICK/TR-15/007). Means in kg: 85.5 (SD 14.2) and 67.8 (SD 11.0).
ANSUR_II_MEN = Population(1.7562, 0.0686, 4.4351, 0.1654, 0.4706)
ANSUR_II_WOMEN = Population(1.6285, 0.0642, 4.2030, 0.1605, 0.5388)


def measurements(shaped: ShapedBody) -> dict[str, Tensor]:
    """Height, mass and segment lengths at rest, each (...): lengths between joint centres, mean of both sides."""
    heads, index = shaped.bone_heads, shaped.body.bone_index

    def length_m(proximal: str, distal: str) -> Tensor:
        pairs = [(index[f"{proximal}.{side}"], index[f"{distal}.{side}"]) for side in "LR"]
        return torch.stack([(heads[..., a, :] - heads[..., b, :]).norm(dim=-1) for a, b in pairs]).mean(0)

    return {
        "height_m": height_m(shaped.vertices),
        "mass_kg": mass_kg(shaped.vertices, shaped.body.triangles),
        "thigh_m": length_m("upperleg01", "lowerleg01"),
        "shank_m": length_m("lowerleg01", "foot"),
        "upper_arm_m": length_m("upperarm01", "lowerarm01"),
        "forearm_m": length_m("lowerarm01", "wrist"),
        "hip_width_m": (heads[..., index["upperleg01.L"], :] - heads[..., index["upperleg01.R"], :]).norm(dim=-1),
        "shoulder_width_m": (heads[..., index["upperarm01.L"], :] - heads[..., index["upperarm01.R"], :]).norm(dim=-1),
    }


def height_m(rest_vertices: Tensor) -> Tensor:
    """Extent along y of rest vertices (..., V, 3): (...)."""
    y = rest_vertices[..., 1]
    return y.amax(dim=-1) - y.amin(dim=-1)


def mass_kg(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Mass (...) of a closed mesh (..., V, 3): its volume, by signed tetrahedra to the origin, times the density.

    Anny's mesh is four closed surfaces: the skin, with the mouth's inside folded in, both eyes and the tongue. The last
    three add less than 0.1 l and are not taken out.
    """
    a, b, c = (vertices.index_select(-2, corners) for corners in triangles.unbind(dim=-1))
    volume_m3 = (torch.linalg.cross(a, b) * c).sum(dim=(-2, -1)) / 6.0
    return DENSITY_KG_PER_M3 * volume_m3


def phenotype_for(
    body: Body,
    *,
    height_m: Tensor | float,
    mass_kg: Tensor | float,
    gender: Tensor | float = 0.5,
    age: Tensor | float = YOUNG_ADULT,
    muscle: Tensor | float | None = None,
    proportions: Tensor | float = 0.5,
) -> Tensor:
    """The phenotype (..., 6) of a body of this height and mass; arguments broadcast.

    Args:
        body: the body.
        height_m: in metres.
        mass_kg: in kilograms.
        gender: 0 male, 1 female.
        age: 1/3 a child, 2/3 a young adult, 1 old.
        muscle: 0 to 1. At one muscularity only some masses can be reached; without a value the one nearest to 0.5 that
            reaches the mass is taken, the more muscular of two.
        proportions: 0 ideal to 1 uncommon.

    Raises:
        ValueError: no body of the model is as tall, or none as heavy at that height; the message gives the interval.
    """
    like = body.template_vertices
    arguments = (gender, age, 0.5 if muscle is None else muscle, 0.5, 0.5, proportions, height_m, mass_kg)
    columns = torch.broadcast_tensors(*(torch.as_tensor(x, dtype=like.dtype, device=like.device) for x in arguments))
    batch = columns[0].shape
    phenotype, height, mass = torch.stack(columns, dim=-1).reshape(-1, 8).split([6, 1, 1], dim=-1)
    height, mass = height[:, 0], mass[:, 0]
    if muscle is None:
        phenotype = _with_reaching_muscle(body, phenotype, height, mass)
    return _with_height_and_mass(body, phenotype, height, mass).reshape(*batch, 6)


def reachable_mass_kg(body: Body, phenotype: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
    """Lightest and heaviest mass (N,) at a height (N,), the phenotypes (N, 6) but height and weight being given.

    Raises:
        ValueError: the height is out of reach; the message gives the interval.
    """
    light, heavy = (_with_height(body, _with(phenotype, "weight", end), height)[1] for end in (0.0, 1.0))
    return light, heavy


def draw_shapes(body: Body, n: int, *, seed: int) -> Tensor:
    """Phenotypes (n, 6) of adult athletes: half of them women, statures and masses spread as in ANSUR II.

    A stature or mass more than 2.5 standard deviations from the mean is drawn again. Muscle is uniform over what
    reaches the mass; proportions are uniform; age is a young adult's, up to early middle age.
    """
    generator = torch.Generator().manual_seed(seed)
    like = body.template_vertices
    women = (torch.rand(n, generator=generator) < 0.5).to(like)
    height, mass = (drawn.to(like) for drawn in _draw_stature_and_mass(women.cpu() > 0, generator))
    age = YOUNG_ADULT + 0.1 * torch.rand(n, generator=generator).to(like)
    half = torch.full_like(age, 0.5)
    proportions = torch.rand(n, generator=generator).to(like)
    phenotype = torch.stack([women, age, half, half, half, proportions], dim=-1)
    unreached = torch.arange(n, device=like.device)
    for _ in range(MUSCLE_DRAWS):
        muscle = torch.rand(len(unreached), generator=generator).to(like)
        phenotype[unreached] = _with(phenotype[unreached], "muscle", muscle)
        low, high = reachable_mass_kg(body, phenotype[unreached], height[unreached])
        unreached = unreached[(mass[unreached] < low) | (mass[unreached] > high)]
        if not len(unreached):
            return _with_height_and_mass(body, phenotype, height, mass)
    # What no muscularity reached keeps its stature and takes the nearest mass.
    low, high = reachable_mass_kg(body, phenotype, height)
    return _with_height_and_mass(body, phenotype, height, mass.clamp(low, high))


def _draw_stature_and_mass(women: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Statures and masses (n,): correlated normals, both truncated, the mass's in its logarithm."""
    z = torch.zeros(len(women), 2)
    outside = torch.ones(len(women), dtype=torch.bool)
    while outside.any():
        z[outside] = torch.randn(int(outside.sum()), 2, generator=generator)
        outside = (z.abs() > TRUNCATION_SD).any(dim=-1)

    def by_sex(name: str) -> Tensor:
        return torch.where(women, getattr(ANSUR_II_WOMEN, name), getattr(ANSUR_II_MEN, name))

    correlation = by_sex("correlation")
    z_mass = correlation * z[:, 0] + (1 - correlation**2).sqrt() * z[:, 1]
    height = by_sex("height_mean_m") + by_sex("height_sd_m") * z[:, 0]
    return height, (by_sex("log_mass_mean") + by_sex("log_mass_sd") * z_mass).exp()


def _with(phenotype: Tensor, label: str, value: Tensor | float) -> Tensor:
    """Phenotypes (N, 6) with one of them replaced."""
    column = PHENOTYPE_LABELS.index(label)
    replaced = phenotype.clone()
    replaced[:, column] = value
    return replaced


def _with_reaching_muscle(body: Body, phenotype: Tensor, height: Tensor, mass: Tensor) -> Tensor:
    """Phenotypes (N, 6) with the first of the preferred muscularities that reaches the mass; 0 where none does."""
    chosen = _with(phenotype, "muscle", 0.0)
    waiting = torch.arange(len(phenotype), device=phenotype.device)
    for muscle in MUSCLES_BY_PREFERENCE:
        candidate = _with(phenotype[waiting], "muscle", muscle)
        low, high = reachable_mass_kg(body, candidate, height[waiting])
        reached = (mass[waiting] >= low) & (mass[waiting] <= high)
        chosen[waiting[reached]] = candidate[reached]
        waiting = waiting[~reached]
        if not len(waiting):
            break
    return chosen


def _with_height_and_mass(body: Body, phenotype: Tensor, height: Tensor, mass: Tensor) -> Tensor:
    """Phenotypes (N, 6) with height and weight solved: regula falsi (Illinois) on the weight, batched.

    Raises:
        ValueError: a height or a mass is out of reach.
    """
    low, high = torch.zeros_like(mass), torch.ones_like(mass)
    lightest, heaviest = reachable_mass_kg(body, phenotype, height)
    _refuse_outside("mass_kg", mass, lightest, heaviest, MASS_TOLERANCE_KG, f" at height_m {height.tolist()[:3]}")
    below, above = lightest - mass, heaviest - mass
    side = torch.zeros_like(mass)
    for _ in range(60):
        weight = ((low * above - high * below) / (above - below)).clamp(0.0, 1.0)
        solved, reached = _with_height(body, _with(phenotype, "weight", weight), height)
        error = reached - mass
        if error.abs().max() < MASS_TOLERANCE_KG:
            break
        light = error < 0
        # Illinois: halve the end that stayed twice, or regula falsi would creep towards a root from one side.
        above = torch.where(light, torch.where(side < 0, above / 2, above), error)
        below = torch.where(light, error, torch.where(side > 0, below / 2, below))
        low, high = torch.where(light, weight, low), torch.where(light, high, weight)
        side = torch.where(light, -1.0, 1.0)
    return solved


def _with_height(body: Body, phenotype: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
    """Phenotypes (N, 6) with the height solved, and the masses (N,) of these bodies.

    Vertices are linear in the height phenotype, so two meshes give all between; their extent is convex and nearly
    linear, so a fixed slope converges in a few steps.

    Raises:
        ValueError: a height is out of reach.
    """
    solved, masses = [], []
    for some, target in zip(phenotype.split(CHUNK), height.split(CHUNK), strict=True):
        short, tall = (body.with_shape(_with(some, "height", end)).vertices for end in (0.0, 1.0))
        least, most = height_m(short), height_m(tall)
        _refuse_outside("height_m", target, least, most, HEIGHT_TOLERANCE_M)
        share = (target - least) / (most - least)
        for _ in range(20):
            vertices = short + share[:, None, None] * (tall - short)
            error = target - height_m(vertices)
            if error.abs().max() < HEIGHT_TOLERANCE_M:
                break
            share = share + error / (most - least)
        solved.append(_with(some, "height", share))
        masses.append(mass_kg(vertices, body.triangles))
    return torch.cat(solved), torch.cat(masses)


def _refuse_outside(name: str, value: Tensor, low: Tensor, high: Tensor, tolerance: float, where: str = "") -> None:
    outside = ((value < low - tolerance) | (value > high + tolerance)).nonzero()
    if len(outside):
        i = int(outside[0, 0])
        raise ValueError(
            f"{name}={value[i]:.4g} is out of reach{where}: this body shape reaches {low[i]:.4g} to {high[i]:.4g}"
        )
