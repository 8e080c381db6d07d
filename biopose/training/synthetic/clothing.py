"""Skin, hair and clothes for a body: a colour for each vertex, and the distance of cloth or hair from the skin.

Everything is defined in the reference posture, so that it moves with the body. Colours are linear light, 0 to 1. Shirts
hide the waist and shoes the ankle: a network has to learn to infer them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.segment_body import SEGMENTS, SegmentBody

FloatArray = NDArray[np.float32]

LIGHTEST_SKIN, DARKEST_SKIN = np.array([0.72, 0.45, 0.34]), np.array([0.09, 0.045, 0.028])
HAIR = np.array([[0.012, 0.01, 0.009], [0.07, 0.035, 0.018], [0.32, 0.2, 0.09], [0.3, 0.29, 0.28], [0.2, 0.06, 0.02]])
TIGHT_OF_HEIGHT, LOOSEST_OF_HEIGHT = 0.002, 0.016  # distance of cloth from the skin
PATTERNED_SHARE = 0.45
# Of a face, in heights.
EYE_WIDTH, EYE_HEIGHT, BROW_HEIGHT = 0.009, 0.0035, 0.007
MOUTH_WIDTH, MOUTH_BELOW_EYES = 0.016, 0.042


@dataclass(frozen=True, eq=False)
class Outfit:
    """Clothing of a person.

    Attributes:
        colours: (V, 3).
        thickness: (V,) along the normals, in heights.
    """

    colours: FloatArray
    thickness: FloatArray


class Clothing:
    """Draws outfits for the meshes of a body.

    Args:
        body: with the mesh.
    """

    def __init__(self, body: SegmentBody) -> None:
        self.reference = body.rig.template_vertices.numpy().astype(np.float32)
        self.segment = body.rig.skin_matrix.numpy().argmax(axis=1)
        self.eyes = body.keypoints.template[[KEYPOINTS.index("left_eye"), KEYPOINTS.index("right_eye")]].numpy()
        self.along = {name: self._along(name) for name in ("femur", "tibia", "humerus")}

    def _is(self, *stems: str) -> NDArray[np.bool_]:
        """(V,) whether vertices belong to these segments of either side."""
        wanted = [i for i, name in enumerate(SEGMENTS) if name.removesuffix("_r").removesuffix("_l") in stems]
        return np.isin(self.segment, wanted)

    def _along(self, stem: str) -> FloatArray:
        """(V,) 0 at the near end of a limb's segment to 1 at its far end."""
        share = np.zeros(len(self.reference), dtype=np.float32)
        for side in "rl":
            mine = self.segment == SEGMENTS.index(f"{stem}_{side}")
            points = self.reference[mine]
            _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
            t = points @ (axes[0] * -np.sign(axes[0][1]))  # the near end is the higher one
            share[mine] = (t - t.min()) / (np.ptp(t) + 1e-9)
        return share

    def draw(self, rng: np.random.Generator) -> Outfit:
        """Draw an outfit."""
        n = len(self.reference)
        tone = rng.beta(1.2, 1.6)
        skin = LIGHTEST_SKIN ** (1 - tone) * DARKEST_SKIN**tone * rng.uniform(0.85, 1.15, 3)
        colours = np.tile(skin, (n, 1)) * (1 + 0.1 * self._uneven(rng))[:, None]
        thickness = np.zeros(n, dtype=np.float32)
        torso, pelvis = self._is("torso", "abdomen"), self._is("pelvis")
        sleeve, leg = (
            rng.choice([0.0, 0.55, 0.9, 2.0], p=[0.2, 0.4, 0.15, 0.25]),
            rng.choice([0.3, 0.65, 0.95, 1.7, 2.0]),
        )
        arms = self._is("humerus") & (self.along["humerus"] < sleeve)
        arms |= self._is("ulna", "radius") & (sleeve > 1.5)
        legs = self._is("femur") & (self.along["femur"] < leg)
        legs |= self._is("tibia") & (self.along["tibia"] < leg - 1.0)
        shirtless = rng.random() < 0.06
        if not shirtless:
            self._put(rng, colours, thickness, torso | arms)
        self._put(rng, colours, thickness, pelvis | legs)
        if rng.random() < 0.25 and not shirtless:  # a shirt over the hips, or a suit of one piece
            self._put(rng, colours, thickness, torso | arms | pelvis)
        self._shoes_and_socks(rng, colours, thickness)
        self._face(rng, colours)
        self._hair(rng, colours, thickness)
        return Outfit(np.clip(colours, 0.0, 1.0).astype(np.float32), thickness)

    def _put(
        self, rng: np.random.Generator, colours: NDArray[np.floating], thickness: FloatArray, where: NDArray[np.bool_]
    ) -> None:
        cloth = np.tile(draw_colour(rng), (len(colours), 1))
        if rng.random() < PATTERNED_SHARE:
            other = draw_colour(rng)
            cloth[self._pattern(rng)] = other
        colours[where] = (cloth * (1 + 0.15 * self._uneven(rng))[:, None])[where]
        loose = rng.uniform(TIGHT_OF_HEIGHT, LOOSEST_OF_HEIGHT) if rng.random() < 0.6 else TIGHT_OF_HEIGHT
        folds = 1 + 0.5 * self._uneven(rng, smallest=0.03, largest=0.2)
        thickness[where] = (loose * folds)[where]

    def _pattern(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Stripes, checks, halves or blotches."""
        x, y, z = self.reference.T
        width = rng.uniform(0.015, 0.08)
        kind = rng.integers(5)
        if kind == 0:
            return np.asarray(np.sin(np.pi * y / width) > rng.uniform(-0.5, 0.5))
        if kind == 1:
            return np.asarray(np.sin(np.pi * z / width) > rng.uniform(-0.5, 0.5))
        if kind == 2:
            return np.asarray(np.sin(np.pi * y / width) * np.sin(np.pi * z / width) * np.sin(np.pi * x / width) > 0)
        if kind == 3:
            return np.asarray((z if rng.random() < 0.5 else x) > rng.uniform(-0.05, 0.05))
        return np.asarray(self._uneven(rng, smallest=0.04, largest=0.3) > rng.uniform(0.0, 0.8))

    def _shoes_and_socks(self, rng: np.random.Generator, colours: NDArray[np.floating], thickness: FloatArray) -> None:
        if rng.random() < 0.5:
            socks = self._is("tibia") & (self.along["tibia"] > rng.uniform(0.3, 0.95))
            colours[socks] = draw_colour(rng)
        if rng.random() < 0.9:
            shoes = self._is("calcn", "toes")
            colours[shoes] = draw_colour(rng)
            sole = shoes & (self.reference[:, 1] < np.quantile(self.reference[shoes, 1], 0.25))
            colours[sole] = draw_colour(rng)
            thickness[shoes] = rng.uniform(0.002, 0.008)

    def _face(self, rng: np.random.Generator, colours: NDArray[np.floating]) -> None:
        """Eyes, brows and lips, which show the orientation of the head."""
        head = self._is("head")
        for eye in self.eyes:
            forward, up, across = (self.reference - eye).T
            near = np.abs(across) < EYE_WIDTH
            colours[head & near & (np.abs(up) < EYE_HEIGHT) & (forward > -EYE_WIDTH)] = rng.uniform(0.01, 0.12)
            brow = head & near & (up > BROW_HEIGHT) & (up < BROW_HEIGHT + 2 * EYE_HEIGHT) & (forward > -EYE_WIDTH)
            colours[brow] *= rng.uniform(0.2, 0.7)
        forward, up, across = (self.reference - self.eyes.mean(axis=0)).T
        mouth = head & (np.abs(up + MOUTH_BELOW_EYES) < EYE_HEIGHT) & (np.abs(across) < MOUTH_WIDTH) & (forward > 0)
        colours[mouth] *= rng.uniform([0.6, 0.3, 0.3], [1.1, 0.9, 0.9])

    def _hair(self, rng: np.random.Generator, colours: NDArray[np.floating], thickness: FloatArray) -> None:
        head = self._is("head")
        low, high = self.reference[head].min(axis=0), self.reference[head].max(axis=0)
        forward, upward, _ = ((self.reference - low) / (high - low)).T
        line, back = rng.uniform(0.72, 0.9), rng.uniform(0.2, 0.6)
        hair = head & ((upward > line) | ((forward < 0.55) & (upward > back)))
        if rng.random() < 0.08:  # bald
            return
        if rng.random() < 0.2:  # a cap or a helmet
            colours[hair] = draw_colour(rng)
            thickness[hair] = rng.uniform(0.004, 0.016)
            return
        colours[hair] = HAIR[rng.integers(len(HAIR))] * rng.uniform(0.6, 1.4)
        thickness[hair] = rng.uniform(0.0, 0.02) * (1 + 0.4 * self._uneven(rng, smallest=0.02, largest=0.1))[hair]

    def _uneven(self, rng: np.random.Generator, *, smallest: float = 0.02, largest: float = 0.3) -> FloatArray:
        """(V,) smooth noise, about -1 to 1: sine waves of several lengths in random directions."""
        waves = 5
        directions = rng.normal(size=(waves, 3))
        lengths = np.geomspace(smallest, largest, waves)
        directions *= (2 * np.pi / lengths / np.linalg.norm(directions, axis=1))[:, None]
        phases = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)
        total = np.sin(self.reference @ directions.T.astype(np.float32) + phases).sum(axis=1)
        return (total / np.sqrt(waves)).astype(np.float32)


def draw_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour (3,) of cloth or paint, often black, white or grey."""
    kind = rng.random()
    if kind < 0.2:
        return np.full(3, rng.uniform(0.005, 0.04))
    if kind < 0.4:
        return np.full(3, rng.uniform(0.5, 0.9))
    if kind < 0.5:
        return np.full(3, rng.uniform(0.04, 0.5))
    return np.asarray(rng.uniform(0.02, 0.9, 3) ** rng.uniform(1.0, 2.5))
