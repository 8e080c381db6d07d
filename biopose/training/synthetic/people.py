"""The synthetic people: bodies of random shapes in the reference posture, generated once and kept in a file.

python -m biopose.training.synthetic.people        # fits the segment body that ships
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.segment_body import (
    SEGMENT_BODY,
    SegmentBody,
    fit_segment_body,
    in_reference_posture,
    reference_orientations,
)
from biopose.body.shape import draw_shapes
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.io.checkpoint import read_checkpoint, save_checkpoint
from biopose.skeleton.full_body import full_body_skeleton

KIND = "people"
N_PEOPLE, HELD_OUT_PEOPLE, SEED = 360, 40, 11


@dataclass(frozen=True, eq=False)
class People:
    """P people; each part is a tensor whose first axis they are.

    Attributes:
        vertices: (P, V, 3) in heights, in the reference posture, the pelvis's bone at the origin.
        bone_heads: (P, 20, 3) likewise.
        keypoints: (P, 26, 3) likewise.
        shape: (P, K) coefficients of the nearest segment body.
        height_m: (P,).
    """

    vertices: Tensor
    bone_heads: Tensor
    keypoints: Tensor
    shape: Tensor
    height_m: Tensor

    def __len__(self) -> int:
        return len(self.height_m)

    def __getitem__(self, which: slice) -> People:
        """Some of the people."""
        return People(**{name: value[which] for name, value in vars(self).items()})


def draw_people(body: Body, *, n: int, seed: int) -> Iterator[BodyWithSkeleton]:
    """People with the distribution of the population; a third of a second each.

    Args:
        body: the default body.
        n: number of people.
        seed: of their shapes.
    """
    skeleton = full_body_skeleton()
    return (skeleton_of_body(body, body.with_shape(shape), skeleton) for shape in draw_shapes(body, n, seed=seed))


def make_segment_body(path: Path, *, n: int = N_PEOPLE, seed: int = SEED) -> SegmentBody:
    """Fit the segment body to random people and write it.

    Args:
        path: a .safetensors file.
        n: of the people, more than the body has terms.
        seed: of their shapes.
    """
    body = Body.load()
    drawn = list(draw_people(body, n=n, seed=seed))
    R_ground_reference = reference_orientations(drawn)
    people = [in_reference_posture(person, body, R_ground_reference) for person in drawn]
    made = f"principal components of {n} bodies drawn with seed {seed}"
    fit_segment_body(people, body, R_ground_reference).save(path, made=made)
    return SegmentBody.load(path)


def people_of(segment_body: SegmentBody, folder: Path, *, n: int, seed: int) -> People:
    """Random people, read from the folder if they were generated before.

    Args:
        segment_body: of the reference posture and the coefficients.
        folder: that keeps them.
        n: number of people.
        seed: of their shapes.

    Raises:
        ModelError: the file there is broken.
    """
    path = folder / f"people_{n}_{seed}.safetensors"
    if not path.is_file():
        _write(path, segment_body, n=n, seed=seed)
    tensors, _ = read_checkpoint(path, kind=KIND)
    return People(**{name: tensor.float() for name, tensor in tensors.items()})


def _write(path: Path, segment_body: SegmentBody, *, n: int, seed: int) -> None:
    body, R_ground_reference = Body.load(), segment_body.R_ground_reference
    people = [in_reference_posture(person, body, R_ground_reference) for person in draw_people(body, n=n, seed=seed)]
    parts = ("vertices", "bone_heads", "keypoints")
    tensors = {part: torch.stack([getattr(person, part) for person in people]) for part in parts}
    tensors["shape"] = torch.stack([segment_body.shape_of(person) for person in people])
    tensors["height_m"] = torch.tensor([person.height_m for person in people])
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, tensors, kind=KIND, shape={"n": n, "seed": seed})


@click.command()
@click.option("--out", default=SEGMENT_BODY, type=click.Path(path_type=Path), help="The .safetensors to write.")
def main(out: Path) -> None:
    """Fit the segment body to random people and write it; a minute and a half.

    \b
    Example:
      python -m biopose.training.synthetic.people
    """
    make_segment_body(out)
    click.echo(f"written: {out}")


if __name__ == "__main__":
    main()
