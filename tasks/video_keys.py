"""The keys of the stages' results of a trial of video, and which of them two releases have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from biopose.reconstruction.low_pass_filter import CUTOFF_HZ
from biopose.reconstruction.method_names import MESH, MethodName
from biopose.stages import ANALYSE, PERCEIVE, RECONSTRUCT, SOLVE, Stage
from biopose.trial import Clip, Subject, Trial
from tasks.keys import stage_key
from tasks.models import PinnedModel
from tasks.trial_record import weights_key

LOCATED = "located"  # people, whatever head makes their tokens


def video_keys(
    trial: Trial,
    video_sha256: str,
    *,
    models: Sequence[PinnedModel],
    method: MethodName,
    shard_s: float,
    cross_check_frames: int,
    run_by: Mapping[str, str],
) -> dict[str, str]:
    """The key of each stage's result, by the stage's name; as LOCATED that of its people, whatever their head.

    Args:
        trial: of a video.
        video_sha256: of its file.
        models: of the release.
        method: of `biopose.pipeline.METHODS`.
        shard_s: the longest shard.
        cross_check_frames: that OpenSim's own solver solves, too.
        run_by: what runs the networks.
    """
    clip, (subject,) = trial.clip, trial.subjects
    weights = weights_key(models)

    def of_networks(stage: Stage) -> list[list[str]]:
        return [weights[name] for name in stage.networks if name in weights and name not in stage.heads]

    located = stage_key(
        PERCEIVE,
        video=video_sha256,
        part=[clip.start_s, clip.end_s, clip.recorded_rate_hz, clip.keep_readable],
        shard_s=shard_s,
        networks=of_networks(PERCEIVE),
        **run_by,
    )
    heads = [weights[name][0] for name in PERCEIVE.heads if name in weights]
    perceived = stage_key(PERCEIVE, located=located, heads=heads) if heads else located
    reconstructed = stage_key(
        RECONSTRUCT,
        perceived=perceived,
        subject=asdict(subject),
        camera=[clip.focal_px, clip.horizontal_fov_deg, clip.distortion],
        mesh=MESH[method],
        networks=of_networks(RECONSTRUCT),
    )
    solved = stage_key(
        SOLVE, reconstructed=reconstructed, cutoff_hz=CUTOFF_HZ[trial.activity], networks=of_networks(SOLVE)
    )
    analysed = stage_key(
        ANALYSE,
        solved=solved,
        trial=trial.trial_id,
        activity=trial.activity,
        cross_check_frames=cross_check_frames,
    )
    return {
        LOCATED: located,
        PERCEIVE.name: perceived,
        RECONSTRUCT.name: reconstructed,
        SOLVE.name: solved,
        ANALYSE.name: analysed,
    }


def shared_stages(
    champion: tuple[MethodName, Sequence[PinnedModel]], candidate: tuple[MethodName, Sequence[PinnedModel]]
) -> set[str]:
    """The stages, by the names of their costs, of a video's results that two releases have in common.

    Args:
        champion: method and models of a release.
        candidate: of another.
    """
    anything = Trial(Clip(Path("a video")), (Subject(height_m=1.75),))
    theirs, ours = (
        video_keys(anything, "", models=models, method=method, shard_s=0.0, cross_check_frames=0, run_by={})
        for method, models in (champion, candidate)
    )
    key_of = {"locate": LOCATED, "decode": PERCEIVE.name, "reconstruct": RECONSTRUCT.name}
    return {stage for stage, key in key_of.items() if ours[key] in theirs.values()}
