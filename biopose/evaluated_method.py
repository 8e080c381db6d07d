"""The method that an evaluation on video judges: ours, or any other that is called alike."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from biopose.measurement import PersonMeasurement
from biopose.method_names import DEFAULT_METHOD, MethodName
from biopose.vision.camera import Camera


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
    """`biopose.measure.measure_video`, its models loaded once.

    Args:
        name: of the method.
        threads: of the networks.

    Raises:
        ModelError: an asset is missing.
    """
    from biopose.fitting.person import Athlete
    from biopose.measure import MeasureOptions, Models, measure_video

    models = Models.load(threads=threads, method=name)

    def measure(video: Path, *, height_m: float, camera: Camera | None) -> PersonMeasurement:
        options = MeasureOptions(choice="largest", camera=camera)
        return measure_video(video, [Athlete(height_m=height_m)], options=options, models=models).people[0]

    return measure
