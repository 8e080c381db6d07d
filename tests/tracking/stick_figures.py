"""People of lines in an image: they walk, cross and hide each other, and what a detector and a network would see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from biopose.body.keypoint_names import KEYPOINTS

WIDTH_PX, HEIGHT_PX = 640, 360
STRIDE_S = 1.1
HIDDEN = 0.5  # part of the box behind a nearer person from which on the detector is blind


@dataclass(frozen=True)
class Walker:
    """A person in a plane across the view.

    Attributes:
        x_px: of the pelvis at a time; NaN while the person is away.
        height_px: of the body: nearer people are larger, and hide the others.
        shirt, trousers: RGB.
        ground_px: y of the feet.
    """

    x_px: Callable[[float], float]
    height_px: float = 200.0
    shirt: tuple[int, int, int] = (200, 40, 40)
    trousers: tuple[int, int, int] = (30, 30, 60)
    ground_px: float = 330.0
    phase: float = 0.0

    def keypoints_px(self, time_s: float) -> np.ndarray:
        """(26, 2), seen from the side and a little turned."""
        x = self.x_px(time_s)
        ahead = np.sign(self.x_px(time_s + 0.01) - x) or 1.0
        points = {"nose": (0.05 * ahead, 0.92), "head_top": (0, 1.0), "neck": (0, 0.83), "mid_hip": (0, 0.53)}
        for side, turn, other in (("left", 0.0, 1), ("right", np.pi, -1)):
            points |= _side(side, 2 * np.pi * time_s / STRIDE_S + turn + self.phase, other=other, ahead=ahead)
        body = np.array([points[name] for name in KEYPOINTS])
        return np.array([x, self.ground_px]) + self.height_px * body * [1, -1]


def _side(side: str, phase: float, *, other: int, ahead: float) -> dict[str, tuple[float, float]]:
    swing, bend = 0.45 * np.sin(phase) * ahead, 0.5 * max(0.0, np.cos(phase)) * ahead
    width = 0.02 * other
    hip = np.array([width, 0.53])
    knee = hip + 0.25 * np.array([np.sin(swing), -np.cos(swing)])
    ankle = knee + 0.24 * np.array([np.sin(swing - bend), -np.cos(swing - bend)])
    shoulder = np.array([1.5 * width, 0.82])
    elbow = shoulder + 0.17 * np.array([np.sin(-swing), -np.cos(swing)])
    wrist = elbow + 0.15 * np.array([np.sin(-swing + 0.4 * ahead), -np.cos(swing)])
    points = {"eye": (0.04 * ahead, 0.94), "ear": (0.01 * other, 0.93), "shoulder": shoulder, "elbow": elbow}
    points |= {"wrist": wrist, "hip": hip, "knee": knee, "ankle": ankle, "heel": ankle - [0.02 * ahead, 0.03]}
    points |= {"big_toe": ankle + np.array([0.1 * ahead, -0.03]), "small_toe": ankle + np.array([0.08 * ahead, -0.03])}
    return {f"{side}_{name}": tuple(place) for name, place in points.items()}


def filmed(
    walkers: list[Walker],
    *,
    seconds: float,
    rate_hz: float,
    rng: np.random.Generator,
    images: bool = True,
    dropout: float = 0.0,
    noise: float = 0.006,
) -> Iterator[tuple[dict, list[int]]]:
    """What a tracker is told of each frame, and whose each detection is (an index into walkers).

    Args:
        dropout: probability that the detector misses a person in a frame.
        noise: of the keypoints, in body heights.
    """
    for index in range(round(seconds * rate_hz)):
        time_s = index / rate_hz
        present = [i for i, w in enumerate(walkers) if 0 < w.x_px(time_s) < WIDTH_PX]
        truth = {i: walkers[i].keypoints_px(time_s) for i in present}
        boxes = {i: _box(points) for i, points in truth.items()}
        seen = [
            i
            for i in present
            if rng.random() >= dropout and all(j == i or not _hides(walkers, boxes, j, i) for j in present)
        ]
        keypoints = [truth[i] + rng.normal(0, noise * walkers[i].height_px, (26, 2)) for i in seen]
        order = rng.permutation(len(seen))
        yield (
            {
                "frame_index": index,
                "time_s": time_s,
                "image": painted([walkers[i] for i in present], time_s) if images else None,
                "boxes_px": np.array([boxes[seen[k]] + rng.normal(0, 2, 4) for k in order]).reshape(-1, 4),
                "scores": rng.uniform(0.6, 0.9, len(seen)),
                "keypoints_px": np.array([keypoints[k] for k in order]).reshape(-1, 26, 2),
                "confidence": rng.uniform(0.5, 0.9, (len(seen), 26)),
            },
            [seen[k] for k in order],
        )


def painted(walkers: list[Walker], time_s: float) -> np.ndarray:
    """(H, W, 3) the walkers' trunks and thighs as rectangles, the nearest last, on grey."""
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 128, np.uint8)
    for walker in sorted(walkers, key=lambda w: w.height_px):
        x, h, ground = walker.x_px(time_s), walker.height_px, walker.ground_px
        for colour, low, high, half in ((walker.shirt, 0.53, 0.85, 0.1), (walker.trousers, 0.0, 0.53, 0.2)):
            rows = slice(max(0, int(ground - high * h)), max(0, int(ground - low * h)))
            image[rows, max(0, int(x - half * h)) : max(0, int(x + half * h))] = colour
    return image


def _box(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.min(0) - 4, points.max(0) + 4])


def _hides(walkers: list[Walker], boxes: dict[int, np.ndarray], near: int, far: int) -> bool:
    if walkers[near].height_px <= walkers[far].height_px:
        return False
    a, b = boxes[near], boxes[far]
    common = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return bool(common > HIDDEN * (b[2:] - b[:2]).prod())
