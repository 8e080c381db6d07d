"""Whether the 95 % intervals of angles from film hold their errors, by coordinate: of motions whose angles are known.

On film of synthetic jumps of people who tilt the pelvis differently (`postures_on_film`) the deviations are decided; on
the laboratory's film they are only looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biopose.errors import TrackingError
from biopose.evaluation.film_events import Film, measured_film
from biopose.evaluation.lab_video import ClipErrors
from biopose.pipeline import METHODS, Models
from biopose.reconstruction.method_names import DEFAULT_METHOD


def evaluate_intervals(
    film: Film, *, folder: Path | None = None, threads: int = 2, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Render, perceive (or read what is kept of both), measure, and compare the angles.

    Args:
        film: what to film.
        folder: that keeps film and detections; None: beside the assets.
        threads: of everything that runs on a CPU.
        progress: called with the name of each clip before it.

    Returns:
        mae_deg by group, mae_by_coordinate_deg, coverage95 and coverage95_by_coordinate; clips, how many were measured;
        refused: those in which nobody was found.

    Raises:
        TrackingError: nobody is found in any clip.
    """
    models = Models.load(METHODS[DEFAULT_METHOD], threads=threads)
    errors, clips, refused = ClipErrors(), 0, list[str]()
    for trial, _, person in measured_film(film, folder=folder, models=models, refused=refused, progress=progress):
        errors.add_angles(trial.motion, person)
        clips += 1
    if not clips:
        raise TrackingError(f"nobody was found in any clip: {', '.join(refused)}")
    return {
        "mae_deg": errors.angles.group_mae_deg,
        "mae_by_coordinate_deg": errors.angles.mae_deg,
        "clips": clips,
        "refused": refused,
    } | errors.coverage()


def interval_lines(result: Mapping[str, Any]) -> list[str]:
    """As text: a row a coordinate, then all, and clips in which nobody was found."""
    mae, covered = result["mae_by_coordinate_deg"], result["coverage95_by_coordinate"]
    lines = [f"{result['clips']} clips", f"{'':20}{'mean error (deg)':>18}{'within 95 %':>14}"]
    lines += [f"{name:20}{mae[name]:18.2f}{covered[name]:14.2f}" for name in covered]
    lines.append(f"{'all':20}{result['mae_deg']['all']:18.2f}{result['coverage95']:14.2f}")
    return [*lines, *(f"Nobody was found in {clip}" for clip in result["refused"])]
