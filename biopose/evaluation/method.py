"""The method that an evaluation on video judges: ours, or any other that is called alike."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from biopose.camera.pinhole import Camera
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName


class Method(Protocol):
    """From a video and the athlete's height to the athlete's motion."""

    def __call__(self, video: Path, *, height_m: float, camera: Camera | None) -> PersonMeasurement:
        """Measure the largest person.

        Args:
            video: the file.
            height_m: of the athlete.
            camera: intrinsics; None where they are not known.
        """


def our_method(name: MethodName = DEFAULT_METHOD, *, threads: int = 2) -> Method:
    """`biopose.pipeline.measure_video`, its models loaded once.

    Args:
        name: of the method.
        threads: of the networks.

    Raises:
        ModelError: an asset is missing.
    """
    from biopose.pipeline import MeasureOptions, Models, measure_video
    from biopose.reconstruction.fitted_person import Athlete

    models = Models.load(threads=threads, method=name)

    def measure(video: Path, *, height_m: float, camera: Camera | None) -> PersonMeasurement:
        options = MeasureOptions(choice="largest", camera=camera)
        return measure_video(video, [Athlete(height_m=height_m)], options=options, models=models).people[0]

    return measure
