"""One person's mesh at each frame of the video, with fewer triangles than the body has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.rig import Rig
from biopose.outputs.summary import untrusted
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.decimation import Decimated, decimated
from biopose.rendering.drawing import Colour
from biopose.rendering.mesh_renderer import vertex_normals

UNTRUSTED: Colour = (150, 150, 150)
KEPT_SHARE = 0.08  # of the body's triangles: 2,200 of Anny's; at 250 px of height the outline moves by 0.16 px (mean)
CHUNK_FRAMES = 16  # posed at once


@lru_cache(maxsize=2)  # a fifth of a second for each trial of a night
def drawn_mesh(body: Rig) -> Decimated:
    """The part of a body's mesh that is drawn; the same for every person."""
    return decimated(body.template_vertices.numpy(), body.triangles.numpy(), kept_share=KEPT_SHARE)


@dataclass(frozen=True, eq=False)
class PosedMesh:
    """A mesh in some frame of reference.

    Attributes:
        vertices_m: (v, 3).
        normals: (v, 3), of length 1.
    """

    vertices_m: NDArray[np.float32]
    normals: NDArray[np.float32]

    def moved(self, T: NDArray[np.float64]) -> PosedMesh:
        """The mesh moved by a rigid transform (4, 4)."""
        R, t = T[:3, :3].astype(np.float32), T[:3, 3].astype(np.float32)
        return PosedMesh(self.vertices_m @ R.T + t, self.normals @ R.T)


class PersonMesh:
    """One person's mesh, posed for a few frames at a time."""

    def __init__(self, one: PersonMeasurement, mesh: Decimated) -> None:
        self._one = one
        self._indices, self._corners = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.triangles)
        self._first = int(one.track.frame_indices[0])
        self._untrusted = untrusted(one)
        self._chunk = -1
        self._posed: list[PosedMesh] = []
        _ = one.person.shaped.vertices  # blended once: `points` takes its part of them

    def row(self, frame_index: int) -> int | None:
        """The row of the track that is a frame of the video; None outside the track."""
        row = frame_index - self._first
        return row if 0 <= row < len(self._one.track) else None

    def at(self, frame_index: int) -> PosedMesh:
        """The mesh in the person's world."""
        chunk, row = divmod(frame_index - self._first, CHUNK_FRAMES)
        if chunk != self._chunk:
            rows = slice(chunk * CHUNK_FRAMES, (chunk + 1) * CHUNK_FRAMES)
            q = torch.from_numpy(self._one.coordinates.values[rows])
            vertices = self._one.person.with_coordinates(q).points(self._indices).float().numpy()
            normals = vertex_normals(vertices, self._corners)
            self._posed = [PosedMesh(*both) for both in zip(vertices, normals, strict=True)]
            self._chunk = chunk
        return self._posed[row]

    def colour(self, frame_index: int, own: Colour) -> Colour:
        """The person's own colour; grey where the frame is untrusted."""
        row = self.row(frame_index)
        return UNTRUSTED if row is not None and self._untrusted[row] else own
