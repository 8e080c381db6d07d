"""Ablation of NeurIK's choices that the paper leaves open: `biopose train ablation --network neurik`.

Each variant differs from the network that ships in one choice. All are trained on the same people, motions and marker
errors in the same order, for the same number of steps, from the same seed. Clips measured by MQ-HMR are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from biopose.neurik.input import MarkerWindows
from biopose.neurik.network import Neurik, NeurikShape, save_neurik
from biopose.neurik.output import OutputDecoder, RawOutput
from biopose.neurik.trial import WINDOW
from biopose.training.ablation import VariantReport, ablation, number_of_parameters
from biopose.training.loop import Schedule
from biopose.training.neurik import SEED, NeurikPreset, marker_source, train_neurik
from biopose.training.neurik_loss import LossWeights
from biopose.training.run import TrainingRequest
from biopose.training.synthetic.clip_shards import ClipFolder

COLUMNS = {
    "parameters": "{:,.0f}",
    "clean_mae_deg": "{:.2f}",
    "unregistered_mae_deg": "{:.2f}",
    "mae_deg": "{:.2f}",
    "mpblpe_mm": "{:.1f}",
    "jitter_deg": "{:.2f}",
    "beyond_range": "{:.4f}",
}


class UnlimitedNeurik(Neurik):
    """Corrects angles in shares of their ranges, without the sigmoid that keeps them inside."""

    def forward(self, windows: MarkerWindows) -> RawOutput:
        """The raw output, whose `logits` are shares: -1 and 1 at the ends of a range."""
        raw = super().forward(windows)
        with torch.autocast(windows.markers_m.device.type, enabled=False):
            closed = self.features(windows, self.locations_m).logits
        return replace(raw, logits=2 * closed.sigmoid() - 1 + (raw.logits - closed) / 2)


class UnlimitedDecoder(OutputDecoder):
    """Decodes the output of `UnlimitedNeurik`."""

    def angles(self, logits: Tensor) -> Tensor:
        """(..., C) radians of shares."""
        return self.middle + self.half * logits


@dataclass(frozen=True)
class NeurikVariant:
    """A row of the table.

    Attributes:
        shape: of the network.
        losses: weights of the loss's terms.
        longest: frames of its windows.
        limited: whether its angles stay in their ranges by construction.
    """

    shape: NeurikShape = field(default_factory=NeurikShape)
    losses: LossWeights = field(default_factory=LossWeights)
    longest: int = WINDOW
    limited: bool = True


VARIANTS: Mapping[str, NeurikVariant] = {
    "shipped": NeurikVariant(),
    "no messages between neighbouring segments": NeurikVariant(shape=NeurikShape(neighbours=False)),
    "no temporal layers": NeurikVariant(shape=NeurikShape(layers=0)),
    "windows of 8 frames": NeurikVariant(longest=8),
    "angles not limited to their ranges": NeurikVariant(limited=False),
    "no losses through forward kinematics": NeurikVariant(losses=LossWeights(joints=0.0, markers=0.0)),
    "no loss on angles": NeurikVariant(losses=LossWeights(angles=0.0, velocity=0.0)),
}
PRESETS: Mapping[str, NeurikPreset] = {
    "cpu": NeurikPreset(
        Schedule(steps=400, falling_share=0.6, mean_decay=0.99, report_every=300), windows=32, clip_shards={}
    ),
    "gpu": NeurikPreset(
        Schedule(steps=6_000, falling_share=0.5, mean_decay=0.999, report_every=500), windows=256, clip_shards={}
    ),
}


def ablate_neurik(
    request: TrainingRequest, *, report: VariantReport, variants: Mapping[str, NeurikVariant] = VARIANTS
) -> dict[str, Any]:
    """Train every variant, or resume an interrupted ablation.

    Args:
        request: the run, its preset one of this module's; the synthetic people are kept in the folder `people`.
        report: called with the variant, the step and the metrics on held-out motions and people.
        variants: by name.

    Returns:
        see `ablation`; of each variant its choices, number of parameters and metrics, among them beyond_range, the
        share of angles beyond their ranges.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    preset, where = (
        request.of_length(PRESETS[request.preset]),
        ClipFolder(request.data_folder("people"), request.motion),
    )
    where.folder.mkdir(parents=True, exist_ok=True)

    def train_variant(name: str, variant: NeurikVariant, folder: Path) -> dict[str, Any]:
        metrics: dict[str, float] = {}

        def keep_and_report(step: int, found: dict[str, float]) -> None:
            metrics.update(found)
            report(name, step, found)

        kind, decoder = (Neurik, OutputDecoder) if variant.limited else (UnlimitedNeurik, UnlimitedDecoder)
        network = train_neurik(
            *(marker_source(where, split, shards=0) for split in ("train", "validation")),
            preset=replace(preset, shape=variant.shape, losses=variant.losses, longest=variant.longest),
            checkpoint=folder / "neurik.checkpoint.pt",
            report=keep_and_report,
            device=request.device,
            kind=kind,
            decoder=decoder,
        )
        save_neurik(folder / "neurik.safetensors", network)
        return {"variant": asdict(variant), "parameters": number_of_parameters(network), **metrics}

    return ablation(
        variants,
        train_variant,
        out=request.out,
        title=f"{preset.schedule.steps} steps of {preset.windows} windows, seed {SEED}, {request.device}.",
        columns=COLUMNS,
        conditions={"preset": asdict(preset), "seed": SEED, "device": request.device},
    )
