"""MQ-HMR's decoder: what it gives for any crops, how queries share the body, and on disk."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.mirror import mirrored_local_rotations
from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.errors import ModelError
from biopose.hmr.head import LOG_SD_RANGE, RIGID, PoseHead
from biopose.hmr.mqhmr import KIND, CropInput, Mqhmr, load_mqhmr, new_mqhmr, save_mqhmr
from biopose.hmr.mqhmr_shape import SEGMENT_KEYPOINTS, MqhmrShape
from biopose.io.checkpoint import save_checkpoint

SMALL = MqhmrShape(channels=(4, 4, 8, 8), width=24, layers=2, heads=2, points=2, hidden=32, dropout=0.1)


def small(shape: MqhmrShape = SMALL, seed: int = 0) -> Mqhmr:
    torch.manual_seed(seed)
    network = new_mqhmr(shape).eval()
    torch.nn.init.normal_(network.body.weight, std=0.05)  # it begins at zero
    return network


def crops(n: int, shape: MqhmrShape = SMALL, seed: int = 0) -> CropInput:
    g = torch.Generator().manual_seed(seed)
    sizes = ((64, 48), (32, 24), (16, 12), (8, 6))
    maps = tuple(torch.randn(n, c, *size, generator=g) for c, size in zip(shape.channels, sizes, strict=True))
    place = torch.tensor([0.1, -0.2, -1.0]).expand(n, 3)
    return CropInput(maps, torch.rand(n, 26, 2, generator=g), torch.rand(n, 26, generator=g), place)


def assert_rotations(R: Tensor) -> None:
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(R.shape[:-2]))


@torch.no_grad()
@pytest.mark.parametrize("n", [0, 1, 3])
def test_any_number_of_crops_is_recovered(n: int) -> None:
    predicted = small()(crops(n))
    assert predicted.tokens.shape == (n, 20, SMALL.token_width)
    assert predicted.R_segment_local.shape == (n, 20, 3, 3)
    assert predicted.sd.shape == (n, 26, 2)
    assert predicted.posed(SegmentBody.load()).vertices.shape == (n, 13718, 3)
    assert_rotations(predicted.R_segment_local)


@torch.no_grad()
def test_the_trunk_is_one_piece() -> None:
    predicted = small()(crops(2))
    torch.testing.assert_close(predicted.R_segment_local[:, RIGID], torch.eye(3).expand(2, 3, 3))


@torch.no_grad()
def test_people_of_a_batch_do_not_affect_each_other() -> None:
    network, both = small(), crops(2)
    first = CropInput(tuple(m[:1] for m in both.maps), both.keypoints[:1], both.confidence[:1], both.position[:1])
    torch.testing.assert_close(network(both).tokens[:1], network(first).tokens)


@torch.no_grad()
def test_the_head_gives_the_output_from_the_tokens() -> None:
    network = small()
    predicted = network(crops(2))
    R, sd = network.head(predicted.tokens)
    torch.testing.assert_close(R, predicted.R_segment_local)
    torch.testing.assert_close(sd, predicted.sd)


@torch.no_grad()
@pytest.mark.parametrize("queries", [1, 5, 20])
def test_a_query_moves_its_own_segments_alone(queries: int) -> None:
    torch.manual_seed(0)
    head = PoseHead(replace(SMALL, queries=queries))
    tokens = torch.randn(queries, SMALL.token_width)
    moved = tokens.clone()
    moved[-1] += 1.0
    turned = (head(tokens)[0] - head(moved)[0]).abs().amax((-1, -2)) > 1e-6
    mine = head.of_segment == queries - 1
    mine[RIGID] = False
    assert torch.equal(turned, mine)


def test_another_number_of_queries_is_refused() -> None:
    with pytest.raises(ValueError, match=r"7 queries.*20, 5, 1"):
        new_mqhmr(replace(SMALL, queries=7))


@torch.no_grad()
def test_the_reference_point_of_a_segment_is_among_its_keypoints() -> None:
    network, given = small(), crops(1)
    confidence = torch.zeros(1, 26)
    confidence[:, [KEYPOINTS.index(name) for name in SEGMENT_KEYPOINTS["humerus_l"]]] = 1.0
    reference = network._reference(replace(given, confidence=confidence))
    mean = given.keypoints[:, [KEYPOINTS.index("left_shoulder"), KEYPOINTS.index("left_elbow")]].mean(1)
    torch.testing.assert_close(reference[:, SEGMENTS.index("humerus_l")], mean, atol=1e-3, rtol=0)


@torch.no_grad()
def test_a_person_half_as_large_in_the_image_is_twice_as_far() -> None:
    network, given = small(), crops(1)
    torch.nn.init.zeros_(network.body.weight)
    half = replace(given, position=given.position - torch.tensor([0.0, 0.0, math.log(2.0)]))
    torch.testing.assert_close(network(half).root[:, 2], 2 * network(given).root[:, 2])


def test_every_parameter_learns() -> None:
    network, given = small().train(), crops(2)
    for parameter in network.parameters():  # some begin at zero, behind which nothing learns yet
        torch.nn.init.normal_(parameter, std=0.2)
    predicted = network(given)
    posed = predicted.posed(SegmentBody.load())
    (posed.bone_heads.square().sum() + predicted.sd.sum() + predicted.shape.square().sum()).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.no_grad()
def test_the_deviations_stay_within_bounds_whatever_comes_in() -> None:
    low, high = torch.tensor(LOG_SD_RANGE).exp().tolist()
    _, sd = small().head(1e4 * torch.randn(3, 20, SMALL.token_width))
    assert sd.min() >= low * 0.999
    assert sd.max() <= high * 1.001


@pytest.mark.slow
@torch.no_grad()
def test_it_can_be_exported_for_any_number_of_crops() -> None:
    shape = replace(SMALL, queries=5, levels=(3,))  # tracing takes long
    network = small(shape)

    class Pose(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, maps: tuple[Tensor, ...], keypoints: Tensor, confidence: Tensor, place: Tensor) -> Tensor:
            return self.network(CropInput(maps, keypoints, confidence, place)).R_segment_local

    n = torch.export.Dim("n", min=1)
    given = crops(3)
    arguments = (given.maps, given.keypoints, given.confidence, given.position)
    exported = torch.export.export(Pose(), arguments, dynamic_shapes=(({0: n},) * 4, {0: n}, {0: n}, {0: n}))
    more = crops(5, seed=1)
    got = exported.module()(more.maps, more.keypoints, more.confidence, more.position)
    torch.testing.assert_close(got, network(more).R_segment_local)


@torch.no_grad()
@pytest.mark.parametrize(
    "shape", [SMALL, replace(SMALL, deformable=False, levels=(3,)), replace(SMALL, queries=5, levels=(1, 2, 3))]
)
def test_a_network_comes_back_from_disk(tmp_path: Path, shape: MqhmrShape) -> None:
    network = small(shape)
    for parameter in network.parameters():
        parameter.copy_(parameter.half())  # as it is kept
    save_mqhmr(tmp_path / "m.safetensors", network)
    again = load_mqhmr(tmp_path / "m.safetensors")
    assert again.shape == shape
    torch.testing.assert_close(again(crops(2)).R_segment_local, network(crops(2)).R_segment_local)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, {"x": torch.zeros(1)}, kind=KIND, shape={"size": 3})
    with pytest.raises(ModelError, match=r"m.safetensors: holds a mqhmr network of another version"):
        load_mqhmr(path)


@pytest.mark.parametrize("queries", [20, 5, 1])
def test_tokens_of_a_mirror_image_give_the_mirrored_output(queries: int) -> None:
    torch.manual_seed(5)
    head = PoseHead(MqhmrShape(queries=queries, token_width=200))  # wide enough for one token to say all
    tokens = 0.3 * torch.randn(4, queries, 200)
    (R, sd), (image_R, image_sd) = head(tokens), head(head.mirrored(tokens))
    torch.testing.assert_close(mirrored_local_rotations(image_R), R, atol=1e-4, rtol=0)
    torch.testing.assert_close(image_sd[:, list(MIRRORED)], sd, rtol=1e-4, atol=0)
    again_R, again_sd = head(head.mirrored(head.mirrored(tokens)))
    torch.testing.assert_close(again_R, R, atol=1e-4, rtol=0)
    torch.testing.assert_close(again_sd, sd, rtol=1e-4, atol=0)


def test_tokens_of_the_network_that_ships_are_mirrored_exactly() -> None:
    head = load_mqhmr().head
    tokens = torch.randn(4, 20, head.rotation.shape[1], generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        mirrored_local_rotations(head(head.mirrored(tokens))[0]), head(tokens)[0], atol=1e-3, rtol=0
    )


def test_tokens_of_the_network_that_ships_take_any_rotations_and_keep_their_standard_deviations() -> None:
    head = load_mqhmr().head
    tokens, others = torch.randn(2, 4, 20, head.rotation.shape[1], generator=torch.Generator().manual_seed(2))
    wanted, sd = head(others)[0], head(tokens)[1]
    averaged = head(head.with_rotations(tokens, wanted))
    torch.testing.assert_close(averaged[0], wanted, atol=1e-3, rtol=0)
    torch.testing.assert_close(averaged[1].log(), sd.log(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("queries", [20, 5, 1])
def test_tokens_that_give_the_rotations_already_do_not_move(queries: int) -> None:
    torch.manual_seed(6)
    head = PoseHead(MqhmrShape(queries=queries))
    tokens = torch.randn(4, queries, MqhmrShape().token_width)
    torch.testing.assert_close(head.with_rotations(tokens, head(tokens)[0]), tokens, atol=1e-4, rtol=0)


def test_weights_stored_under_earlier_names_load(tmp_path: Path) -> None:
    network = small()
    old = {"head.": "read.", "feedback.": "told."}
    tensors = dict(network.state_dict())
    for name in list(tensors):
        for new, before in old.items():
            if name.startswith(new):
                tensors[before + name.removeprefix(new)] = tensors.pop(name)
    save_checkpoint(tmp_path / "m.safetensors", tensors, kind=KIND, shape=asdict(network.shape))
    again = load_mqhmr(tmp_path / "m.safetensors").state_dict()
    assert again.keys() == network.state_dict().keys()
    assert all(torch.equal(again[name], value) for name, value in network.state_dict().items())
