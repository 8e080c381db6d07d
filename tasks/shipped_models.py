"""The weights that ship with BioPose, one model for each stage, as the registry records them. It imports no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from biopose.assets import WHEELS, asset, assets_folder
from biopose.io.weights_folder import WEIGHTS
from biopose.perception.published_networks import (
    DETECTOR_INPUT_PX,
    DETECTOR_WEIGHTS,
    KEYPOINT_WEIGHTS,
    LOWEST_SCORE,
    MEAN,
    STANDARD_DEVIATION,
)
from biopose.reconstruction.fit_options import FitWeights, RefinementOptions, SolverOptions


@dataclass(frozen=True)
class ShippedModel:
    """One stage's weights with what a registered version records of them.

    Attributes:
        name: of the stage and of the registered model.
        files: the weights.
        configuration: of the stage.
        licence: of the weights.
        card: model card in Markdown: what it is, its origin and its limits.
    """

    name: str
    files: tuple[Path, ...]
    configuration: Mapping[str, Any]
    licence: str
    card: str

    @cached_property
    def sha256(self) -> str:
        """Of the weights, by `hash_of_files`."""
        return hash_of_files({path.name: path for path in self.files})

    @property
    def configuration_json(self) -> str:
        """The same text for the same configuration."""
        return json.dumps(self.configuration, sort_keys=True)


def hash_of_files(files: Mapping[str, Path]) -> str:
    """The sha256 of one file; of several, that of the lines that `sha256sum` prints for them, ordered by name."""
    hashes = {name: _sha256(path) for name, path in sorted(files.items())}
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    return hashlib.sha256("".join(f"{value}  {name}\n" for name, value in hashes.items()).encode()).hexdigest()


def shipped_models() -> tuple[ShippedModel, ...]:
    """One model a stage, in the order in which they run.

    Raises:
        ModelError: an asset is missing.
    """
    return (_detector(), _keypoints(), _keypoint_fit(), _mqhmr(), _neurik())


def trained_model(stage: str, weights: Path, card: str) -> ShippedModel:
    """A shipped stage whose weights of one name are replaced by others.

    Args:
        stage: keypoint_fit, mqhmr or neurik.
        weights: file with the name of those that ship.
        card: of the trained model.
    """
    shipped = {"keypoint_fit": _keypoint_fit, "mqhmr": _mqhmr, "neurik": _neurik}[stage]()
    others = (file for file in shipped.files if file.name != weights.name)
    return replace(shipped, files=(weights, *others), card=card)


def _detector() -> ShippedModel:
    file = asset(f"weights/{DETECTOR_WEIGHTS}")
    card = (
        "# YOLOX-tiny, people\n\nFinds people in images (Ge et al. 2021), trained by OpenMMLab on Human-Art "
        f"(Ju et al. 2023). {_origin(file)}\n\n**Limits.** Who is upside down in flight is missed in some frames."
    )
    configuration = {"input_px": DETECTOR_INPUT_PX, "lowest_score": LOWEST_SCORE}
    return ShippedModel("detector", (file,), configuration, "Apache-2.0", card)


def _keypoints() -> ShippedModel:
    file = asset(f"weights/{KEYPOINT_WEIGHTS}")
    card = (
        "# RTMPose-s, Halpe's 26 keypoints\n\nFinds the keypoints of a person whose box is known (Jiang et al. 2023), "
        f"trained by OpenMMLab on seven body data sets, feet included. {_origin(file)}\n\n**Limits.** Left and right "
        "are swapped at times when a person is seen from the side; the middle of the hips lies 14 mm off."
    )
    configuration = {"mean": MEAN, "standard_deviation": STANDARD_DEVIATION}
    return ShippedModel("keypoints", (file,), configuration, "Apache-2.0", card)


def _keypoint_fit() -> ShippedModel:
    files = (WEIGHTS / "lifter.safetensors", WEIGHTS / "pose_prior.safetensors")
    configuration = {"budget": asdict(SolverOptions()), "weights": asdict(FitWeights())}
    card = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    return ShippedModel("keypoint_fit", files, configuration, "Apache-2.0", card)


def _mqhmr() -> ShippedModel:
    files = (WEIGHTS / "mqhmr.safetensors", WEIGHTS / "segment_body.safetensors")
    card = (WEIGHTS / "mqhmr.md").read_text(encoding="utf-8")
    configuration = {"budget": asdict(RefinementOptions())}
    return ShippedModel("mqhmr", files, configuration, "Apache-2.0", card)


def _neurik() -> ShippedModel:
    card = (WEIGHTS / "neurik.md").read_text(encoding="utf-8")
    return ShippedModel("neurik", (WEIGHTS / "neurik.safetensors",), {}, "Apache-2.0", card)


def _origin(file: Path) -> str:
    """The wheel that an asset was taken from."""
    member = file.relative_to(assets_folder()).as_posix()
    wheel = next(wheel for wheel in WHEELS if member in wheel.members.values())
    return f"Taken from the package {wheel.project} {wheel.version} (sha256 of the wheel {wheel.sha256[:16]}...)."


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
