"""NeurIK on a trial of any length: overlapping windows, blended.

The prediction is then moved to the most probable pose given the markers, on the subject's own skeleton or, without a
calibration, on the predicted one.
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
# Standard deviation of the markers from their locations, chosen on synthetic trials of validation people: soft tissue
# motion of a calibrated subject; of others, how much people differ besides.
CALIBRATED_SD_M, UNCALIBRATED_SD_M = 0.01, 0.02
FRAME_FIELDS = ("logits", "rotation_6d", "shift_m", "log_sd", "R_world_root", "p_world_root", "observed")


@torch.no_grad()
def predict_trial(network: Neurik, decoder: OutputDecoder, trial: MarkerWindows) -> NeurikOutput:
    """Coordinates for every frame, scales for the whole.

    The windows' raw outputs are averaged, frames in the middle of a window weighing most, and decoded once: they
    correct the same closed-form values, so no angle that is averaged has two representations.

    Args:
        network: in evaluation mode.
        decoder: of its output, on the same device.
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
    prediction = _only(decoder(_blended(_raw_outputs(network, trial, rows), rows, frames)))
    return _continuous(_most_probable(network, decoder, prediction, trial), decoder)


def _starts(frames: int) -> list[int]:
    """First frames of the windows: evenly, and one that ends where the trial ends."""
    return [*range(0, max(frames - WINDOW, 0), HOP), max(frames - WINDOW, 0)]


def _raw_outputs(network: Neurik, trial: MarkerWindows, rows: Tensor) -> list[RawOutput]:
    """Of windows whose frames are `rows` (N, W), some at a time; features of shared frames are computed once."""

    def predicted(part: Tensor) -> RawOutput:
        first, last = int(part.min()), int(part.max())
        stretch = replace(
            trial, markers_m=trial.markers_m[:, first : last + 1], weight=trial.weight[:, first : last + 1]
        )
        given = network.features(stretch, network.locations_m).windows((part - first).to(trial.weight.device))
        own = trial.subject
        if own is not None:
            own = SubjectCalibration(
                *(values.expand(len(part), -1, -1) for values in (own.body_scales, own.locations_m))
            )
        return network.predict(given, trial.interval_s.expand(len(part)), own)

    return side_by_side(predicted, rows.split(AT_ONCE))


def _blended(raws: list[RawOutput], rows: Tensor, frames: int) -> RawOutput:
    """One raw output (1, frames, ...) of windows whose frames are `rows` (N, W)."""
    parts = {name: torch.cat([getattr(raw, name) for raw in raws]) for name in vars(raws[0])}
    length = rows.shape[1]
    rise = torch.sin(torch.pi * (torch.arange(length) + 0.5) / length).square()
    total = torch.zeros(frames).index_add(0, rows.flatten(), rise.repeat(len(rows)))
    share = (rise / total[rows]).to(parts["observed"])
    blended = {}
    for name in FRAME_FIELDS:
        values = parts[name]
        weighted = values * share.reshape(*share.shape, *[1] * (values.dim() - 2))
        whole = values.new_zeros(frames, *values.shape[2:])
        blended[name] = whole.index_add(0, rows.flatten().to(values.device), weighted.flatten(0, 1))[None]
    weight = parts["observed"].sum(-1, keepdim=True)
    scale = (parts["scale_logits"] * weight).sum(0, keepdim=True) / weight.sum().clamp(min=1e-6)
    return RawOutput(scale_logits=scale, **blended)


def _most_probable(
    network: Neurik, decoder: OutputDecoder, prediction: NeurikOutput, trial: MarkerWindows
) -> NeurikOutput:
    """The most probable pose of a trial (N = 1) given the prediction, without batch axis, and the markers."""
    skeleton, own, marker_sd_m = decoder.kinematics.skeleton, trial.subject, CALIBRATED_SD_M
    if own is None:
        own = SubjectCalibration(
            prediction.body_scales[None], (network.locations_m * prediction.body_scales[marker_owners(skeleton)])[None]
        )
        marker_sd_m = UNCALIBRATED_SD_M
    return most_probable(prediction, trial, own, marker_sd_m=marker_sd_m, skeleton=skeleton)


def _only(prediction: NeurikOutput) -> NeurikOutput:
    return NeurikOutput(**{name: value[0] for name, value in vars(prediction).items()})


def _continuous(prediction: NeurikOutput, decoder: OutputDecoder) -> NeurikOutput:
    skeleton = decoder.kinematics.skeleton
    limits = {c: (skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max) for c in decoder.limited}
    written = Representation.of(skeleton, limits).continuous_in_time(prediction.q.double().cpu().numpy())
    return replace(prediction, q=torch.from_numpy(written).to(prediction.q))
