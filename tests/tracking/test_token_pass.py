"""Tokens of people who are located already are those of a perceive with the same head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from biopose.assets import assets_folder
from biopose.errors import VideoError
from biopose.hmr.feature_head import MqhmrHead
from biopose.hmr.mqhmr import Mqhmr, load_mqhmr
from biopose.perception.backends import backend_for
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.person_features import FeatureHead
from biopose.tracking.frame_detections import FrameDetections
from biopose.tracking.shard import Shard, ShardFiles
from biopose.tracking.shard_file import read_shard
from biopose.tracking.shards import perceive_shards
from biopose.tracking.token_pass import with_tokens
from tests.perception.real_people import needs_networks

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
SHARDS = [Shard(CLIP, 2.0, 2.2), Shard(CLIP, 2.2, 2.4, lead_in_s=0.2)]  # two people
BACKEND = backend_for("cpu")

pytestmark = needs_networks


class NobodyDetects:
    """Fails where it is used."""

    batch_size = 1

    def detect(self, images: object) -> list[PersonBoxes]:
        raise AssertionError("people were detected again")


def another(network: Mqhmr) -> Mqhmr:
    """A network whose weights differ a little."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in network.parameters():
            values += 0.05 * values.abs().mean() * torch.randn(values.shape, generator=generator)
    return network


def keypoints(head: FeatureHead | None) -> KeypointNetwork:
    return KeypointNetwork.load(backend=BACKEND, threads=1, head=head)


def perceived(
    folder: Path, name: str, head: FeatureHead | None, detector: PersonDetector | NobodyDetects
) -> list[ShardFiles]:
    """The files of both shards; people are located once in a folder."""
    tokens = [None if head is None else folder / f"{name}-{i}.parquet" for i in range(2)]
    files = [ShardFiles(folder / f"{i}.parquet", each) for i, each in enumerate(tokens)]
    errors = perceive_shards(SHARDS, files, detector=detector, network=keypoints(head))  # type: ignore[arg-type]
    assert errors == [None, None]
    return files


def rows(files: list[ShardFiles]) -> list[bytes]:
    """The tokens of everybody."""
    frames = [frame for one in files for frame in read_shard(one).frames]
    return [each.tokens.tobytes() for frame in frames for each in frame.detections if each.tokens is not None]


def located(frame: FrameDetections) -> tuple[object, ...]:
    people = [(each.box_px.tolist(), each.keypoints_px.tolist(), each.confidence.tolist()) for each in frame.detections]
    crops = [(each.region_px, each.turn_rad) for each in frame.detections]
    return frame.frame_index, people, repr(crops)


@pytest.fixture(scope="module")
def of_nobody(tmp_path_factory: pytest.TempPathFactory) -> list[ShardFiles]:
    """People who were located without a head, as by a method without a mesh."""
    return perceived(tmp_path_factory.mktemp("located"), "none", None, PersonDetector.load(backend=BACKEND, threads=1))


def test_a_heads_tokens_of_located_people_are_those_of_its_own_perceive_to_the_bit(
    of_nobody: list[ShardFiles], tmp_path: Path
) -> None:
    head = MqhmrHead(another(load_mqhmr()))
    whole = perceived(tmp_path, "whole", head, PersonDetector.load(backend=BACKEND, threads=1))
    after = perceived(of_nobody[0].located.parent, "after", head, NobodyDetects())
    assert len(rows(whole)) == 2 * 12
    assert rows(after) == rows(whole)
    for theirs, ours in zip(whole, after, strict=True):
        assert list(map(located, read_shard(ours).frames)) == list(map(located, read_shard(theirs).frames))


def test_a_video_with_other_frames_than_those_in_which_people_were_located_is_refused(
    of_nobody: list[ShardFiles],
) -> None:
    found, network = read_shard(of_nobody[0]), keypoints(MqhmrHead(load_mqhmr()))
    more = replace(found, frames=[*found.frames, replace(found.frames[-1], frame_index=66)])
    for shard in (replace(found, frames=found.frames[:-1]), more):
        with pytest.raises(VideoError, match="is not what it was when people were located; delete the detections"):
            with_tokens(shard, SHARDS[0], network=network)
    nobody = replace(found, frames=[replace(frame, detections=[]) for frame in found.frames])
    assert with_tokens(nobody, Shard(Path("absent.mp4")), network=network) is nobody
