"""Windows of marker trajectories with the truth, for NeurIK's training and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from biopose.neurik.input import MarkerWindows


@dataclass(frozen=True, eq=False)
class MarkerBatch:
    """N windows of T frames.

    Attributes:
        windows: input of the network.
        q: (N, T, Q) true coordinates of each person's own skeleton.
        body_scales: (N, B, 3) of that skeleton.
        locations_m: (N, M, 3) of the markers in their segments, on that skeleton.
        static_m: (N, M, 3) the markers of a static trial in the default posture; None where there is none.
    """

    windows: MarkerWindows
    q: Tensor
    body_scales: Tensor
    locations_m: Tensor
    static_m: Tensor | None

    def __getitem__(self, which: slice) -> MarkerBatch:
        """Some of the windows."""
        return self._each(lambda tensor: tensor[which])

    def to(self, device: str) -> MarkerBatch:
        """The batch on another device."""
        return self._each(lambda tensor: tensor.to(device))

    def cut(self, frames: int) -> MarkerBatch:
        """Windows of fewer frames (a divisor of T), one after the other, each independent of the others."""
        if frames == self.q.shape[1]:
            return self
        pieces = self.q.shape[1] // frames
        whole = self._each(lambda tensor: tensor.repeat_interleave(pieces, dim=0))

        def pieces_of(tensor: Tensor) -> Tensor:
            return tensor.unflatten(1, (pieces, frames)).flatten(0, 1)

        w = self.windows
        windows = replace(whole.windows, markers_m=pieces_of(w.markers_m), weight=pieces_of(w.weight))
        return replace(whole, windows=windows, q=pieces_of(self.q))

    def _each(self, change: Callable[[Tensor], Tensor]) -> MarkerBatch:
        static_m = None if self.static_m is None else change(self.static_m)
        return MarkerBatch(
            self.windows.each(change), change(self.q), change(self.body_scales), change(self.locations_m), static_m
        )
