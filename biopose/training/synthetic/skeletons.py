"""The skeletons of the synthetic people, whose coordinates are the truth of a clip; generated once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.segment_body import SegmentBody, in_reference_posture
from biopose.body.subject import BodyWithSkeleton
from biopose.io.checkpoint import read_checkpoint, save_checkpoint
from biopose.skeleton.kinematics import Kinematics
from biopose.training.synthetic.people import draw_people

KIND = "skeletons"


@dataclass(frozen=True, eq=False)
class Skeletons:
    """The default skeleton scaled to P people; the first axis of each tensor.

    Attributes:
        body_scales: (P, B, 3) of the default skeleton.
        marker_locations_m: (P, M, 3) each virtual marker in its segment, of the scaled skeleton, by MARKERS.
        markers: (P, M, 3) on the body in the reference posture, in heights, the pelvis's bone at the origin.
        root_in_pelvis_m: (P, 3) head of the pelvis's bone in the pelvis's frame.
    """

    body_scales: Tensor
    marker_locations_m: Tensor
    markers: Tensor
    root_in_pelvis_m: Tensor

    def __getitem__(self, which: slice) -> Skeletons:
        """The skeletons of some of the people."""
        return Skeletons(**{name: value[which] for name, value in vars(self).items()})


def skeletons_of(people: Iterable[BodyWithSkeleton], body: Body, R_ground_reference: Tensor) -> Skeletons:
    """The skeletons of people, single precision.

    Args:
        people: as `draw_people` gives them.
        body: the default body.
        R_ground_reference: (20, 3, 3) of the segment body.
    """
    rows = [_parts(person, body, R_ground_reference) for person in people]
    return Skeletons(**{name: torch.stack([row[name] for row in rows]).float() for name in rows[0]})


def _parts(person: BodyWithSkeleton, body: Body, R_ground_reference: Tensor) -> dict[str, Tensor]:
    skeleton = person.skeleton
    rest = Kinematics(skeleton).with_coordinates(torch.from_numpy(person.rest_pose))
    pelvis = skeleton.body_names.index("pelvis")
    root = person.shaped.bone_heads[0].double() - rest.p_ground_body[pelvis]
    return {
        "body_scales": torch.from_numpy(person.body_scales),
        "marker_locations_m": rest.kinematics.marker_locations,
        "markers": in_reference_posture(person, body, R_ground_reference).markers,
        "root_in_pelvis_m": rest.R_ground_body[pelvis].mT @ root,
    }


def skeletons_of_drawn(segment_body: SegmentBody, folder: Path, *, n: int, seed: int) -> Skeletons:
    """Skeletons of the people of `people_of`, with the same arguments; read from the folder if it has them.

    Args:
        segment_body: of the reference posture.
        folder: that keeps them.
        n: number of people.
        seed: of their shapes.

    Raises:
        ModelError: the file there is broken.
    """
    path = folder / f"skeletons_{n}_{seed}.safetensors"
    if not path.is_file():
        body = Body.load()
        made = skeletons_of(draw_people(body, n=n, seed=seed), body, segment_body.R_ground_reference)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, vars(made), kind=KIND, shape={"n": n, "seed": seed})
    tensors, _ = read_checkpoint(path, kind=KIND)
    return Skeletons(**tensors)
