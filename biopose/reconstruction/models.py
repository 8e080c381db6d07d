"""Everything that measuring loads: the networks' weights, the body and the skeleton, for the stages of a method.

Importing it, and loading what `perceive` needs, loads neither OpenSim nor the fit.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from biopose.body.anny import Body
from biopose.body.segment_body import SEGMENT_BODY
from biopose.hmr.feature_head import MqhmrHead
from biopose.hmr.lifter import LIFTER_WEIGHTS
from biopose.hmr.mqhmr import MQHMR_WEIGHTS, Mqhmr, load_mqhmr
from biopose.hmr.pose_prior import POSE_PRIOR_WEIGHTS
from biopose.neurik.network import NEURIK_WEIGHTS, load_neurik
from biopose.perception.backends import Backend, Device, backend_for, is_cpu
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.onnx_session import weights_path
from biopose.perception.published_networks import DETECTOR_WEIGHTS, KEYPOINT_WEIGHTS
from biopose.reconstruction.method_names import DEFAULT_METHOD
from biopose.reconstruction.methods import METHODS, Method
from biopose.versions import versions

if TYPE_CHECKING:
    from biopose.reconstruction.neural_ik import NeuralIK
    from biopose.reconstruction.people_fit import FitModels
    from biopose.skeleton.model import Skeleton


@dataclass(frozen=True)
class WeightFiles:
    """Where the networks' weights are; by default those that ship, and for None those of `biopose assets pull`."""

    detector: Path | None = None
    keypoints: Path | None = None
    lifter: Path = LIFTER_WEIGHTS
    pose_prior: Path = POSE_PRIOR_WEIGHTS
    mqhmr: Path = MQHMR_WEIGHTS
    segment_body: Path = SEGMENT_BODY
    neurik: Path = NEURIK_WEIGHTS

    def versions(self, *, device: Device = "cpu", cpu_backend: Backend | None = None) -> dict[str, str]:
        """What makes a result: the versions of BioPose and of libraries, each file's sha256, what runs the networks.

        Args:
            device: that they ran on.
            cpu_backend: that ran them on a CPU; None: that of this machine's.

        Raises:
            ModelError: an asset is missing.
        """
        files = {one.name: getattr(self, one.name) for one in fields(self)}
        files["detector"] = files["detector"] or weights_path(DETECTOR_WEIGHTS)
        files["keypoints"] = files["keypoints"] or weights_path(KEYPOINT_WEIGHTS)
        run_by = {"cpu_backend": cpu_backend or backend_for("cpu")} if device == "cpu" else {"device": device}
        return versions(files) | run_by


@dataclass(frozen=True, eq=False)
class PerceptionModels:
    """What `perceive` runs."""

    detector: PersonDetector
    keypoints: KeypointNetwork

    @classmethod
    def load(
        cls,
        method: Method,
        files: WeightFiles,
        *,
        threads: int,
        device: str = "cpu",
        mqhmr: Mqhmr | None = None,
        cpu_backend: Backend | None = None,
    ) -> PerceptionModels:
        """Load them.

        Args:
            method: whose tokens are made.
            files: of the weights.
            threads: of what runs on a CPU.
            device: of torch.
            mqhmr: where it is loaded already.
            cpu_backend: of the networks on a CPU; None: the fastest on this one.

        Raises:
            ModelError: an asset is missing or broken; the message says how to get it.
        """
        runtime = (cpu_backend if is_cpu(device) else None) or backend_for(device)
        head = None
        if method.mesh is not None:
            head = MqhmrHead(mqhmr or load_mqhmr(files.mqhmr), device=device, bfloat16=runtime == "bfloat16")
        return cls(
            PersonDetector.load(backend=runtime, threads=threads, device=device, weights=files.detector),
            KeypointNetwork.load(
                backend=runtime,
                threads=threads,
                device=device,
                weights=files.keypoints,
                head=head,
            ),
        )


@dataclass(frozen=True, eq=False)
class SolveModels:
    """What `solve` needs: body and skeleton in their default size, and NeurIK where it predicts the coordinates."""

    body: Body
    skeleton: Skeleton
    neural_ik: NeuralIK | None
    threads: int = 2

    @classmethod
    def load(cls, method: Method, files: WeightFiles, *, threads: int) -> SolveModels:
        """Load them.

        Raises:
            ModelError: an asset is missing or broken; the message says how to get it.
        """
        from biopose.reconstruction.neural_ik import NeuralIK
        from biopose.skeleton.full_body import full_body_skeleton

        network = NeuralIK.of(load_neurik(files.neurik)) if method.neurik else None
        return cls(Body.load(), full_body_skeleton(), network, threads)


def load_fit_models(method: Method, files: WeightFiles, *, threads: int, mqhmr: Mqhmr | None = None) -> FitModels:
    """What `reconstruct` needs.

    Args:
        method: whose fit it is.
        files: of the weights.
        threads: how many people are fitted at a time.
        mqhmr: where it is loaded already.

    Raises:
        ModelError: an asset is missing or broken; the message says how to get it.
    """
    from biopose.reconstruction.mesh_recovery import MeshModels
    from biopose.reconstruction.people_fit import FitModels

    mesh = None
    if method.mesh is not None:
        network = mqhmr or load_mqhmr(files.mqhmr)
        mesh = MeshModels.load(network, body=files.segment_body, options=method.refinement, stage=method.mesh)
    return FitModels.load(
        lifter=files.lifter,
        pose_prior=files.pose_prior,
        options=method.solver,
        weights=method.weights,
        mesh=mesh,
        threads=threads,
    )


@dataclass(frozen=True, eq=False)
class Models:
    """Everything that measuring by a method loads, once for any number of trials.

    What follows `perceive` is loaded beside it, by a thread; `fit` and `solve` wait for that.
    """

    method: Method
    files: WeightFiles
    perception: PerceptionModels
    later: Future[tuple[FitModels, SolveModels]]

    @classmethod
    def load(
        cls,
        method: Method = METHODS[DEFAULT_METHOD],
        files: WeightFiles | None = None,
        *,
        threads: int = 2,
        device: str = "cpu",
    ) -> Models:
        """Load all.

        Args:
            method: of measuring.
            files: weights; None takes those that ship.
            threads: of everything that runs on a CPU.
            device: of the networks that see whole images.

        Raises:
            ModelError: an asset of `perceive` is missing or broken; the message says how to get it.
        """
        files = files or WeightFiles()
        mqhmr = load_mqhmr(files.mqhmr).requires_grad_(False) if method.mesh is not None else None
        perception = PerceptionModels.load(method, files, threads=threads, device=device, mqhmr=mqhmr)

        def later() -> tuple[FitModels, SolveModels]:
            fit = load_fit_models(method, files, threads=threads, mqhmr=mqhmr)
            return fit, SolveModels.load(method, files, threads=threads)

        with_thread = ThreadPoolExecutor(1, "load models")
        loading = cls(method, files, perception, with_thread.submit(later))
        with_thread.shutdown(wait=False)
        return loading

    @property
    def fit(self) -> FitModels:
        """What `reconstruct` needs.

        Raises:
            ModelError: an asset of it is missing or broken; the message says how to get it.
        """
        return self.later.result()[0]

    @property
    def solve(self) -> SolveModels:
        """What `solve` needs; raises as `fit`."""
        return self.later.result()[1]

    def check_loaded(self) -> None:
        """Raise what went wrong with loading so far, without waiting for the rest.

        Raises:
            ModelError: as `fit`.
        """
        if self.later.done():
            self.later.result()
