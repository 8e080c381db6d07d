"""Windows of markers with the truth behind: what NeurIK is trained and judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from biopose.models.neurik_input import MarkerWindows


@dataclass(frozen=True, eq=False)
class MarkerBatch:
    """N windows of T frames.

    Attributes:
        windows: what is seen.
        q: (N, T, Q) the truth, coordinates of each person's own skeleton.
        body_scales: (N, B, 3) of that skeleton.
        places_m: (N, M, 3) of the markers in their segments, on that skeleton.
        static_m: (N, M, 3) the markers as they sit in this session, the person standing in the default posture; None
            where that is not known.
    """

    windows: MarkerWindows
    q: Tensor
    body_scales: Tensor
    places_m: Tensor
    static_m: Tensor | None

    def __getitem__(self, which: slice) -> MarkerBatch:
        """Some of the windows."""
        return self._each(lambda tensor: tensor[which])

    def to(self, device: str) -> MarkerBatch:
        """The batch on another device."""
        return self._each(lambda tensor: tensor.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> MarkerBatch:
        static_m = None if self.static_m is None else change(self.static_m)
        return MarkerBatch(
            self.windows.each(change), change(self.q), change(self.body_scales), change(self.places_m), static_m
        )
