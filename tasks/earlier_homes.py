"""Results that an earlier version left in a home and that are still what a stage would give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from biopose.stages import PERCEIVE
from biopose.trial import Clip
from tasks.keys import KEY_LENGTH, hash_of
from tasks.models import PinnedModel
from tasks.settings import Settings

# Up to commit 8863a6d a key held a hash of the stage's sources and libraries. Detections with these two, made by that
# commit with the libraries of its constraints.txt on a CPU, are what `perceive` 1 gives.
CODE_VERSIONS = {"see": "0.1.0+396cc03f2e27", "see and read": "0.1.0+6d4d11fc50a2"}


def perceived_before(
    settings: Settings, clip: Clip, video_sha256: str, *, models: Sequence[PinnedModel], shard_s: float
) -> Path | None:
    """The folder in which an earlier version kept a clip's detections; None where there is none.

    Args:
        settings: say where the home is.
        clip: the part of the video.
        video_sha256: of its file.
        models: pinned.
        shard_s: the longest shard.
    """
    if PERCEIVE.version != 1 or clip.keep_readable:
        return None
    weights = {model.stage: [model.sha256, model.configuration_json] for model in models}
    stage = "see and read" if "mqhmr" in weights else "see"
    facts = {
        "stage": stage,
        "code": CODE_VERSIONS[stage],
        "video": video_sha256,
        "start_s": clip.start_s,
        "end_s": clip.end_s,
        "recorded_rate_hz": clip.recorded_rate_hz,
        "shard_s": shard_s,
        "models": [weights[network] for network in PERCEIVE.networks if network in weights],
    }
    folder = settings.artifacts / "seen" / hash_of(facts)[:KEY_LENGTH]
    return folder if folder.exists() else None
