"""The method that an evaluation on video measures: BioPose's, or any other with the same signature."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from biopose.camera.pinhole import Camera
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName


class MeasureVideo(Protocol):
    """From a video and the athlete's height to the athlete's motion."""

    def __call__(self, video: Path, *, height_m: float, camera: Camera | None) -> PersonMeasurement:
        """Measure the largest person.

        Args:
            video: the file.
            height_m: of the athlete.
            camera: intrinsics; None where they are unknown.
        """


def our_method(name: MethodName = DEFAULT_METHOD, *, threads: int = 2) -> MeasureVideo:
    """`biopose.pipeline.measure`, its models loaded once.

    Args:
        name: of the method.
        threads: of everything that runs on a CPU.

    Raises:
        ModelError: an asset is missing.
    """
    from biopose.pipeline import METHODS, Clip, Models, Subject, Trial, measure

    models = Models.load(METHODS[name], threads=threads)

    def measured(video: Path, *, height_m: float, camera: Camera | None) -> PersonMeasurement:
        return measure(Trial(Clip(video, calibrated=camera), (Subject(height_m),)), models=models).people[0]

    return measured
