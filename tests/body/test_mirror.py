"""A mirror seen in a mirror is what was there; local turns and global turns tell of the same image."""

import torch
from torch import Tensor

from biopose.body.mirror import OPPOSITE_SEGMENT, mirrored_global_rotations, mirrored_local_rotations
from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.skeleton.rotations import rotation_from_6d

N = 5


def turns() -> Tensor:
    return rotation_from_6d(torch.randn(N, len(SEGMENTS), 6, generator=torch.Generator().manual_seed(0)))


def test_opposites_are_each_others() -> None:
    names = [SEGMENTS[i] for i in OPPOSITE_SEGMENT]
    assert names[SEGMENTS.index("pelvis")] == "pelvis"
    assert names[SEGMENTS.index("tibia_r")] == "tibia_l"
    assert [OPPOSITE_SEGMENT[i] for i in OPPOSITE_SEGMENT] == list(range(len(SEGMENTS)))


def test_the_image_of_an_image_is_the_thing() -> None:
    R = turns()
    for image in (mirrored_global_rotations, mirrored_local_rotations):
        assert torch.equal(image(image(R)), R)
        assert torch.equal(image(R[..., :2]), image(R)[..., :2])
        torch.testing.assert_close(torch.linalg.det(image(R)), torch.ones(N, len(SEGMENTS)))


def test_local_turns_of_an_image_are_those_between_its_global_ones() -> None:
    rig, R = SegmentBody.load().rig, turns()
    image = rig.local_from_global(mirrored_global_rotations(R))
    torch.testing.assert_close(image, mirrored_local_rotations(rig.local_from_global(R)))
