"""Speed of the networks on a GPU by batch, its share of the device's peak, a whole clip, and agreement with the CPU.

    python -m tests.benchmarks.gpu [--device cuda] [--seconds 3]

Ends with exit code 1 where the device's results differ from the CPU's by more than the bounds below, with 2 without a
GPU. Takes a few minutes; with --device cpu it shows that it runs. Peak: of float32 without tensor cores, from a large
matrix product; the crops' copy to the device and their normalisation count.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.assets import asset
from biopose.hmr.feature_head import MqhmrHead
from biopose.perception.crops import PersonCrops
from biopose.perception.detector import PersonDetector
from biopose.perception.flip_augmentation import run_on_crops
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.pose_backends import TorchPose
from biopose.pipeline import METHODS, Clip, Models, Subject, Trial, measure
from biopose.video.frames import read_frames

BATCHES = (1, 4, 16, 64, 256)
GFLOP_A_CROP = 1.37  # of RTMPose-s, multiplications and additions (Jiang et al. 2023, table 5: 0.68 GMAC)
POINTS_PX, ANGLES_DEG = 0.05, 0.5  # medians: of keypoints in a crop, of the clip's coordinates
CLIP = "clips/sports2d_demo.mp4"


def main() -> int:
    """Print the table; 1 where the results differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=3.0, help="of the clip that is measured whole")
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        print("no GPU here: nothing was measured")
        return 2
    peak = _peak_gflops(options.device)
    print(f"{options.device}: {peak:,.0f} GFLOP/s in a float32 matrix product")
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (max(BATCHES), 3, 256, 192), dtype=torch.uint8, generator=generator)
    head = MqhmrHead.load(device=options.device)
    backbone = TorchPose(device=options.device)
    network = KeypointNetwork(backbone, head=head, batch_size=max(BATCHES), filled=False)
    print("batch   keypoints   share of peak   with the decoder   (crops/s)")
    for n in BATCHES if options.device != "cpu" else BATCHES[:3]:
        people = PersonCrops(crops[:n], np.tile([100.0, 100.0, 400.0, 500.0], (n, 1)))
        sizes, straight = np.tile([1920, 1080], (n, 1)), np.zeros(n, dtype=np.bool_)

        def keypoints(n: int = n, straight: NDArray[np.bool_] = straight) -> None:
            run_on_crops(backbone, crops[:n], torch.from_numpy(straight))

        def tokens(people: PersonCrops = people, sizes: NDArray[np.int64] = sizes, straight: Any = straight) -> None:
            network.tokens(network.locate_in_crops(people, sizes, mirrored=straight).features)

        alone, both = (n / _seconds(work, options.device) for work in (keypoints, tokens))
        print(f"{n:5}{alone:12.0f}{alone * GFLOP_A_CROP / peak:16.1%}{both:19.0f}")
    return _keypoints_differ(options.device) | _clip_differs(options.device, options.seconds)


def _keypoints_differ(device: str) -> int:
    frames = [frame.image for frame in read_frames(asset(CLIP), end_s=0.5)]
    boxes = [found.boxes_px[found.scores > 0.5] for found in PersonDetector.load().detect(frames)]
    on_device = KeypointNetwork.load(backend="torch", device=device).locate(frames, boxes)
    on_cpu = KeypointNetwork.load().locate(frames, boxes)
    off = [np.linalg.norm(a.positions_px - b.positions_px, axis=-1) for a, b in zip(on_device, on_cpu, strict=True)]
    median_px = float(np.median(np.concatenate(off)))
    print(f"keypoints against the CPU: {median_px:.4f} px in the median (bound {POINTS_PX})")
    return int(median_px > POINTS_PX)


def _clip_differs(device: str, seconds: float) -> int:
    trial = Trial(Clip(asset(CLIP), end_s=seconds), (Subject(height_m=1.65),))
    angles = {}
    for where in dict.fromkeys((device, "cpu")):
        models = Models.load(METHODS["mqhmr"], device=where)
        began = perf_counter()
        measured = measure(trial, models=models)
        took_s = perf_counter() - began
        angles[where] = np.degrees(measured.people[0].coordinates.values)
        print(f"clip on {where}: {measured.frame_count / took_s:.1f} frames/s, {took_s:.1f} s")
    median_deg = float(np.median(np.abs(angles[device] - angles["cpu"])))
    print(f"coordinates against the CPU: {median_deg:.3f} degrees in the median (bound {ANGLES_DEG})")
    return int(median_deg > ANGLES_DEG)


def _seconds(work: Callable[[], object], device: str) -> float:
    """Of one call, the mean over half a second of them."""
    work()
    calls, began = 0, perf_counter()
    while perf_counter() - began < 0.5:
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        calls += 1
    return (perf_counter() - began) / calls


def _peak_gflops(device: str) -> float:
    n = 8192 if device != "cpu" else 1024
    a = torch.randn(n, n, device=device)
    return 2 * n**3 / _seconds(lambda: a @ a, device) / 1e9


if __name__ == "__main__":
    sys.exit(main())
