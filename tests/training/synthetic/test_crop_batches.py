"""Batches are what the shards hold, in an order that hangs on the seed and step alone."""

import pytest
import torch
from safetensors.torch import load_file

from biopose.body.rig import ShapedBody
from biopose.body.segment_body import SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import CropInput
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.mqhmr_loss import truth_of
from biopose.training.synthetic import crop_batches
from biopose.training.synthetic.crop_batches import CropBatch
from biopose.training.synthetic.shards import ShardFolder, restored
from tests.training.tiny_images import (
    IMAGES,
    LEVELS,
    SHARDS,
    batches_of,
    needs_images,
    people_of_split,
)

pytestmark = needs_images
SIZE_PX = torch.tensor([WIDTH_PX, HEIGHT_PX])


def tensors(batch: CropBatch) -> list[torch.Tensor]:
    c = batch.crops
    return [*c.maps, c.keypoints, c.confidence, c.position, batch.R_view_segment, batch.root, batch.person]


def test_a_steps_batch_is_always_the_same_and_another_seeds_is_another(tiny_images: ShardFolder) -> None:
    batches = batches_of(tiny_images, augmented=True)
    first = tensors(batches.batch(5))
    batches.batch(2)  # of another epoch
    again, fresh = tensors(batches.batch(5)), tensors(batches_of(tiny_images, augmented=True).batch(5))
    other = tensors(batches_of(tiny_images, augmented=True, seed=1).batch(5))
    for value, same, as_fresh in zip(first, again, fresh, strict=True):
        assert torch.equal(value, same)
        assert torch.equal(value, as_fresh)
    assert not torch.equal(first[4], other[4])


@pytest.mark.parametrize("augmented", [False, True])
def test_an_epoch_holds_every_image_once(tiny_images: ShardFolder, augmented: bool) -> None:
    batches = batches_of(tiny_images, augmented=augmented)
    for epoch in range(2):
        seen = [batches.batch(epoch * batches.per_epoch + step).root for step in range(batches.per_epoch)]
        assert len(torch.unique(torch.cat(seen), dim=0)) == IMAGES * SHARDS["train"] == sum(map(len, seen))


def test_without_augmentation_no_image_is_left_out(tiny_images: ShardFolder) -> None:
    batches = batches_of(tiny_images, size=5)
    sizes = [len(batches.batch(step).person) for step in range(batches.per_epoch)]
    assert sum(sizes) == IMAGES * SHARDS["train"]
    assert set(sizes[:-1]) == {5}


def test_epochs_differ_in_their_order(tiny_images: ShardFolder) -> None:
    batches = batches_of(tiny_images, augmented=True)
    assert not torch.equal(batches.batch(0).root, batches.batch(batches.per_epoch).root)


def test_batches_without_augmentation_are_what_the_shard_holds(tiny_images: ShardFolder) -> None:
    shard = load_file(tiny_images.path("train", 0))
    crops = batches_of(tiny_images, size=IMAGES).batch(0).crops
    torch.testing.assert_close(crops.keypoints * SIZE_PX - 0.5, shard["keypoints_px"], atol=1e-3, rtol=0)
    assert torch.equal(crops.confidence, shard["confidence"])
    for level in LEVELS:
        expected = restored(shard[f"map_{level}"], shard[f"step_of_map_{level}"])
        torch.testing.assert_close(crops.maps[level], expected, atol=1e-5, rtol=0)


def test_only_maps_that_are_looked_at_are_read(tiny_images: ShardFolder) -> None:
    batches = batches_of(tiny_images)
    batches.levels = (3,)
    assert [map_.numel() > 0 for map_ in batches.batch(0).crops.maps] == [False, False, False, True]


def test_augmentation_leaves_the_truth_alone_and_moves_keypoints_by_a_few_pixels(tiny_images: ShardFolder) -> None:
    true = batches_of(tiny_images, size=IMAGES)
    told = batches_of(tiny_images, size=IMAGES, augmented=True)
    rows = {tuple(root): i for step in range(2) for i, root in enumerate(true.batch(step).root.tolist(), 100 * step)}
    moved_px = []
    for step in range(2):
        batch = told.batch(step)
        for i, root in enumerate(batch.root.tolist()):
            which, row = divmod(rows[tuple(root)], 100)
            clean = true.batch(which)
            assert torch.equal(clean.R_view_segment[row], batch.R_view_segment[i])
            known = batch.crops.confidence[i] > 0
            apart_px = (batch.crops.keypoints[i] - clean.crops.keypoints[row]) * SIZE_PX
            moved_px.append(apart_px[known].norm(dim=-1))
    moved = torch.cat(moved_px)
    assert 0.5 < moved.median() < 4
    assert len(moved) < 0.97 * IMAGES * SHARDS["train"] * 26  # some are forgotten


def test_augmented_channels_differ_as_much_as_real_video_from_synthetic_images() -> None:
    g = torch.Generator().manual_seed(0)
    map_ = torch.randn(64, 32, 8, 6, generator=g) + torch.randn(64, 32, 1, 1, generator=g)
    keypoints, confidence = torch.rand(64, 26, 2, generator=g), torch.rand(64, 26, generator=g)
    given = CropInput((map_, torch.empty(0)), keypoints, confidence, torch.zeros(64, 3))
    told, nothing = crop_batches.augmented(given, g).maps
    apart = (told.mean((2, 3)) - map_.mean((2, 3))) / map_.mean((2, 3)).std(0)
    assert 0.7 < apart.square().mean().sqrt() < 1.1
    assert nothing.numel() == 0


def test_local_turns_composed_are_the_global_ones(tiny_images: ShardFolder) -> None:
    batch = batches_of(tiny_images).batch(0)
    body = SegmentBody.load()
    posed = body.rig.with_coefficients(torch.zeros(10)).with_pose(batch.R_segment_local)
    torch.testing.assert_close(posed.R_world_delta, batch.R_view_segment, atol=1e-4, rtol=0)


def test_the_truth_projects_onto_what_the_keypoint_network_saw(tiny_images: ShardFolder) -> None:
    body, people = SegmentBody.load(), people_of_split(tiny_images, "train")
    batch = batches_of(tiny_images, size=IMAGES).batch(0)
    truth = truth_of(batch, body, people, slice(0, 1))
    shard = load_file(tiny_images.path("train", 0))
    in_camera = truth.keypoints @ rotation_towards(batch.crops.position[:, :2]).mT
    rays = in_camera[..., :2] / in_camera[..., 2:]
    seen_px = (rays - shard["corner"][:, None]) / shard["ray_per_px"][:, None, None] - 0.5
    sure = batch.crops.confidence > 0.5
    off_px = (seen_px - shard["keypoints_px"]).norm(dim=-1)[sure]
    assert sure.float().mean() > 0.3
    assert off_px.median() < 10  # people seen hardly or upside down are among them; a mistake would be 50


def test_the_true_mesh_is_the_persons_own(tiny_images: ShardFolder) -> None:
    body, people = SegmentBody.load(), people_of_split(tiny_images, "train")
    batch = batches_of(tiny_images).batch(0)
    truth = truth_of(batch, body, people, slice(None))
    shaped = ShapedBody(body.rig, people.shape[batch.person], people.bone_heads[batch.person])
    R = torch.eye(3).expand(20, 3, 3)
    rest = shaped.with_global_rotations(R, root_position=shaped.bone_heads[:, 0]).bone_heads
    lengths = [(heads[:, 1:] - heads[:, body.rig.parents]).norm(dim=-1) for heads in (truth.joints, rest)]
    torch.testing.assert_close(*lengths, atol=1e-5, rtol=0)
    assert truth.vertices.shape[1] == len(body.rig.template_vertices)
