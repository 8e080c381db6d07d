"""What the paper leaves open of NeurIK, decided by trial: `biopose train ablation --network neurik`.

Each variant differs from what ships in one choice. All see the same people, motions and faults in the same order for as
many steps, from weights drawn with the same seed. Nothing is recorded for it, so no window errs as MQ-HMR does.
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
from biopose.training.ablation import VariantReport, ablation
from biopose.training.loop import Schedule
from biopose.training.neurik import SEED, NeurikPreset, marker_source, train_neurik
from biopose.training.neurik_loss import LossWeights
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
    """Corrects shares of the ranges, as far as it likes, instead of what keeps them inside."""

    def forward(self, windows: MarkerWindows) -> RawOutput:
        """The raw answer, in whose `logits` are shares: -1 and 1 at the ends of a range."""
        raw = super().forward(windows)
        with torch.autocast(windows.markers_m.device.type, enabled=False):
            closed = self.view(windows, self.locations_m).logits
        return replace(raw, logits=2 * closed.sigmoid() - 1 + (raw.logits - closed) / 2)


class UnlimitedDecoder(OutputDecoder):
    """Understands such answers."""

    def angles(self, logits: Tensor) -> Tensor:
        """(..., C) radians of shares."""
        return self.middle + self.half * logits


@dataclass(frozen=True)
class NeurikVariant:
    """One line of the table.

    Attributes:
        shape: of the network.
        losses: what it is trained for.
        longest: frames of its windows.
        limited: whether its angles stay in their ranges by construction.
    """

    shape: NeurikShape = field(default_factory=NeurikShape)
    losses: LossWeights = field(default_factory=LossWeights)
    longest: int = WINDOW
    limited: bool = True


VARIANTS: Mapping[str, NeurikVariant] = {
    "as it ships": NeurikVariant(),
    "segments not told of their neighbours": NeurikVariant(shape=NeurikShape(neighbours=False)),
    "each frame alone": NeurikVariant(shape=NeurikShape(layers=0)),
    "windows of 8 frames": NeurikVariant(longest=8),
    "angles not kept in their ranges": NeurikVariant(limited=False),
    "no losses through forward kinematics": NeurikVariant(losses=LossWeights(joints=0.0, markers=0.0)),
    "no loss on angles": NeurikVariant(losses=LossWeights(angles=0.0, velocity=0.0)),
}
BUDGETS: Mapping[str, NeurikPreset] = {
    "cpu": NeurikPreset(
        Schedule(steps=400, falling_share=0.6, mean_decay=0.99, report_every=300), windows=32, clip_shards={}
    ),
    "gpu": NeurikPreset(
        Schedule(steps=6_000, falling_share=0.5, mean_decay=0.999, report_every=500), windows=256, clip_shards={}
    ),
}


def ablate_neurik(
    motion: Path,
    out: Path,
    *,
    preset: str,
    device: str,
    report: VariantReport,
    drawn: Path | None = None,
    variants: Mapping[str, NeurikVariant] = VARIANTS,
) -> dict[str, Any]:
    """Train every variant, or go on with an ablation that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: the drawn people, a folder for each variant, ablation.json and ablation.md.
        preset: of `BUDGETS`.
        device: where the networks are.
        report: called with the variant, the step and the figures on held-out motions and people.
        drawn: folder of the drawn people; None puts them into `out`.
        variants: by name.

    Returns:
        what `ablation` does; of each variant its choices, parameters and figures, among them beyond_range, the share of
        angles on faulty markers that are beyond their ranges.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    budget, where = BUDGETS[preset], ClipFolder(drawn or out / "people", motion)
    where.folder.mkdir(parents=True, exist_ok=True)

    def line_of(name: str, variant: NeurikVariant, folder: Path) -> dict[str, Any]:
        figures: dict[str, float] = {}

        def also_kept(step: int, found: dict[str, float]) -> None:
            figures.update(found)
            report(name, step, found)

        kind, decoder = (Neurik, OutputDecoder) if variant.limited else (UnlimitedNeurik, UnlimitedDecoder)
        train_source, held_out = (marker_source(where, split, shards=0) for split in ("train", "validation"))
        network = train_neurik(
            train_source,
            held_out,
            preset=replace(budget, shape=variant.shape, losses=variant.losses, longest=variant.longest),
            checkpoint=folder / "neurik.checkpoint.pt",
            report=also_kept,
            device=device,
            kind=kind,
            decoder=decoder,
        )
        save_neurik(folder / "neurik.safetensors", network)
        parameters = sum(weights.numel() for weights in network.parameters())
        return {"variant": asdict(variant), "parameters": parameters, **figures}

    return ablation(
        variants,
        line_of,
        out=out,
        title=f"{budget.schedule.steps} steps of {budget.windows} windows, seed {SEED}, {device}.",
        columns=COLUMNS,
        about={"budget": asdict(budget), "seed": SEED, "device": device},
    )
