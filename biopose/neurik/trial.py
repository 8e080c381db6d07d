"""A trial of any length through NeurIK: overlapping windows, blended into one answer; or the latest frame alone.

What the network tells is then moved to the most probable pose given the markers, on the person's own skeleton or, where
nobody stood still for that, on the one answered.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.most_probable_pose import most_probable
from biopose.neurik.network import Neurik
from biopose.neurik.output import NeurikOutput, OutputDecoder, RawOutput
from biopose.skeleton.angles import Representation
from biopose.skeleton.threads import side_by_side

WINDOW, HOP = 32, 24  # frames; neighbouring windows share eight
AT_ONCE = 64  # windows
# How far markers are from where they sit, chosen on made-up trials of validation people: of a subject person, who is
# known to a few millimetres, what their skin does; of others, how much people differ besides.
REGISTERED_SD_M, PRIOR_SD_M = 0.01, 0.02
FRAME_FIELDS = ("logits", "six", "shift_m", "log_sd", "R_world_root", "p_world_root", "seen")


@torch.no_grad()
def predict_trial(network: Neurik, decoder: OutputDecoder, trial: MarkerWindows) -> NeurikOutput:
    """Coordinates for every frame, scales for the whole.

    The windows' raw answers are averaged, those of a window's middle weighing most, and decoded once: they correct the
    same closed-form values, so nothing that is averaged could be written in another way.

    Args:
        network: in evaluation mode.
        decoder: of its answers, on the same device.
        trial: one (N = 1), of any length.

    Returns:
        without batch axis; the pelvis's angles continuous in time.

    Raises:
        ValueError: there is more than one trial, or it has no frames.
    """
    count, frames = trial.weight.shape[:2]
    if count != 1 or frames == 0:
        raise ValueError(f"{count} trials of {frames} frames; one at a time, of a frame or more")
    rows = torch.tensor(_starts(frames))[:, None] + torch.arange(min(WINDOW, frames))
    answer = _only(decoder(_blended(_raw_answers(network, trial, rows), rows, frames)))
    return _continuous(_at_the_markers(network, decoder, answer, trial), decoder)


@torch.no_grad()
def predict_last(network: Neurik, decoder: OutputDecoder, windows: MarkerWindows) -> NeurikOutput:
    """The last frame of each window alone, (N, 1, ...): what is known of the present while the recording goes on."""
    raw = network(windows)
    told = decoder(replace(raw, **{name: getattr(raw, name)[:, -1:] for name in FRAME_FIELDS}))
    each = [
        _at_the_markers(network, decoder, _only(told, row), _last_frame(windows, row))
        for row in range(len(windows.weight))
    ]
    return NeurikOutput(**{name: torch.stack([getattr(one, name) for one in each]) for name in vars(told)})


def _starts(frames: int) -> list[int]:
    """First frames of the windows: evenly, and one that ends where the trial ends."""
    return [*range(0, max(frames - WINDOW, 0), HOP), max(frames - WINDOW, 0)]


def _raw_answers(network: Neurik, trial: MarkerWindows, rows: Tensor) -> list[RawOutput]:
    """Of windows whose frames are `rows` (N, W), some at a time; neighbours share frames, which are viewed once."""

    def answered(part: Tensor) -> RawOutput:
        first, last = int(part.min()), int(part.max())
        stretch = replace(
            trial, markers_m=trial.markers_m[:, first : last + 1], weight=trial.weight[:, first : last + 1]
        )
        seen = network.view(stretch, network.locations_m).windows((part - first).to(trial.weight.device))
        own = trial.subject
        if own is not None:
            own = SubjectCalibration(
                *(values.expand(len(part), -1, -1) for values in (own.body_scales, own.locations_m))
            )
        return network.answered(seen, trial.interval_s.expand(len(part)), own)

    return side_by_side(answered, rows.split(AT_ONCE))


def _blended(raws: list[RawOutput], rows: Tensor, frames: int) -> RawOutput:
    """One raw answer (1, frames, ...) of windows whose frames are `rows` (N, W)."""
    parts = {name: torch.cat([getattr(raw, name) for raw in raws]) for name in vars(raws[0])}
    length = rows.shape[1]
    rise = torch.sin(torch.pi * (torch.arange(length) + 0.5) / length).square()
    total = torch.zeros(frames).index_add(0, rows.flatten(), rise.repeat(len(rows)))
    share = (rise / total[rows]).to(parts["seen"])
    blended = {}
    for name in FRAME_FIELDS:
        values = parts[name]
        weighted = values * share.reshape(*share.shape, *[1] * (values.dim() - 2))
        whole = values.new_zeros(frames, *values.shape[2:])
        blended[name] = whole.index_add(0, rows.flatten().to(values.device), weighted.flatten(0, 1))[None]
    seen = parts["seen"].sum(-1, keepdim=True)
    scale = (parts["scale_logits"] * seen).sum(0, keepdim=True) / seen.sum().clamp(min=1e-6)
    return RawOutput(scale_logits=scale, **blended)


def _at_the_markers(
    network: Neurik, decoder: OutputDecoder, answer: NeurikOutput, trial: MarkerWindows
) -> NeurikOutput:
    """The most probable pose of a trial (N = 1) given the answer, without batch axis, and the markers."""
    skeleton, own, marker_sd_m = decoder.kinematics.skeleton, trial.subject, REGISTERED_SD_M
    if own is None:
        own = SubjectCalibration(
            answer.body_scales[None], (network.locations_m * answer.body_scales[marker_owners(skeleton)])[None]
        )
        marker_sd_m = PRIOR_SD_M
    return most_probable(answer, trial, own, marker_sd_m=marker_sd_m, skeleton=skeleton)


def _only(answer: NeurikOutput, row: int = 0) -> NeurikOutput:
    return NeurikOutput(**{name: value[row] for name, value in vars(answer).items()})


def _last_frame(windows: MarkerWindows, row: int) -> MarkerWindows:
    """Of one window."""
    one = windows.each(lambda values: values[row : row + 1])
    return replace(one, markers_m=one.markers_m[:, -1:], weight=one.weight[:, -1:])


def _continuous(answer: NeurikOutput, decoder: OutputDecoder) -> NeurikOutput:
    skeleton = decoder.kinematics.skeleton
    limits = {c: (skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max) for c in decoder.limited}
    written = Representation.of(skeleton, limits).continuous_in_time(answer.q.double().cpu().numpy())
    return replace(answer, q=torch.from_numpy(written).to(answer.q))
