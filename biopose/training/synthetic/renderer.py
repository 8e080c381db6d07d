"""Renders dressed and shaded people into crops, for images and for clips; nothing here is random.

A mesh is in the world of its scene until it is shaded, and then in the camera's frame, with its light.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic.crops import SAMPLES, Crop, mean_of_samples
from biopose.training.synthetic.lighting import Light, shaded
from biopose.training.synthetic.occluders import Occluders
from biopose.training.synthetic.rasterizer import Rasterizer
from biopose.training.synthetic.scenes import MIDDLE, Scene, SceneSource

FloatArray = NDArray[np.float32]
LitMesh = tuple[FloatArray, FloatArray]  # vertices (V, 3) in the camera's frame, and their light


class SceneRenderer:
    """Renders the people of scenes.

    Args:
        scenes: source of the scenes, with body and people.
        device: of the rasterizer, "cpu" or "cuda:0".
    """

    def __init__(self, scenes: SceneSource, *, device: str = "cpu") -> None:
        self.scenes, self.rasterizer = scenes, Rasterizer(device)
        self.triangles = scenes.triangles

    def clothed(
        self, scene: Scene, index: int, thickness: FloatArray, moments: Sequence[int] = (MIDDLE,)
    ) -> list[FloatArray]:
        """One person's meshes (V, 3) in the world, at each moment; arguments as for `SceneSource.clothed`."""
        return self.scenes.clothed(scene, index, thickness, rasterizer=self.rasterizer, moments=moments)

    def light_on(self, mesh: FloatArray, colours: FloatArray, light: Light) -> FloatArray:
        """(V, 3) light reflected by a mesh (V, 3) in the world."""
        return shaded(self.rasterizer, mesh, self.triangles, colours=colours, light=light)

    def exposed(self, moments: Sequence[Sequence[LitMesh]], crop: Crop, occluders: Occluders) -> FloatArray:
        """(H, W, 4) light of people multiplied by coverage, and coverage: the mean over an exposure's moments.

        Args:
            moments: the people at each of them.
            crop: of the view.
            occluders: in front of them.
        """
        drawn = [self._drawn([(crop.points(mesh), light) for mesh, light in people], occluders) for people in moments]
        return mean_of_samples(sum(drawn[1:], drawn[0]) / np.float32(len(drawn)))

    def _drawn(self, people: Sequence[LitMesh], occluders: Occluders) -> FloatArray:
        """(2 H, 2 W, 4) light multiplied by coverage, and coverage, of people and occluders."""
        count = len(people[0][0])
        triangles = [self.triangles + k * count for k in range(len(people))]
        pixels, near = self.rasterizer.draw(
            np.concatenate([*(points for points, _ in people), occluders.points]),
            np.concatenate([*triangles, occluders.triangles + len(people) * count]),
            np.concatenate([*(colours for _, colours in people), occluders.colours]),
            width_px=SAMPLES * WIDTH_PX,
            height_px=SAMPLES * HEIGHT_PX,
        )
        return np.concatenate([pixels, (near > 0)[..., None]], axis=-1).astype(np.float32)

    def shadow(self, scene: Scene, index: int, crop: Crop, light: Light, mesh: FloatArray) -> FloatArray:
        """(H, W) the share of the ground's light that a mesh (V, 3) in the world removes."""
        drop_m = (mesh[:, 1] - float(scene.ground_m[index])) / light.towards[1]
        flat_m = mesh - drop_m[:, None] * light.towards
        return self._covered(crop.points(scene.in_camera(index, flat_m))) * light.share_of_lamp

    def _covered(self, points: FloatArray) -> FloatArray:
        """(H, W) 1 where a mesh, its points in samples, covers a pixel."""
        points[:, :2] /= SAMPLES
        near = self.rasterizer.nearness(points, self.triangles, width_px=WIDTH_PX, height_px=HEIGHT_PX)
        return (near > 0).astype(np.float32)
