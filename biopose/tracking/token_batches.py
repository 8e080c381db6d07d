"""Frames that wait until the tokens of their people are made, in whole batches whatever the frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.person_features import PersonFeatures
from biopose.tracking.frame_detections import FrameDetections

Clip = TypeVar("Clip")


MOST_WAITING = 64  # frames: a person who walks out does not hold back all that follow


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[Clip]):
    clip: Clip
    found: FrameDetections | None
    people: int  # whose tokens are made


class TokenBatches(Generic[Clip]):
    """Gives frames back in the order in which they came, with tokens.

    Args:
        network: whose head makes them; without one no frame waits.
    """

    def __init__(self, network: KeypointNetwork) -> None:
        self._network = network
        self._frames = deque[_Waiting[Clip]]()
        self._features = list[PersonFeatures]()
        self._tokens = deque[NDArray[np.float16]]()

    def add(self, clip: Clip, found: FrameDetections | None, features: list[PersonFeatures]) -> None:
        """A frame that waits: None in a clip's lead-in.

        Args:
            clip: of the frame.
            found: in it.
            features: of each of its people; empty in a lead-in.
        """
        wanted = features if self._network.token_batch else []
        self._frames.append(_Waiting(clip, found, len(wanted)))
        self._features += wanted

    def ready(self, *, last: bool = False) -> list[tuple[Clip, FrameDetections | None]]:
        """The frames that wait no longer; all of them where these are the last, or too many wait."""
        count = len(self._features)
        if count and not last and len(self._frames) <= MOST_WAITING:
            count -= count % self._network.token_batch
        if count:
            self._tokens.extend(self._network.tokens(self._features[:count]))
            del self._features[:count]
        done = []
        while self._frames and self._frames[0].people <= len(self._tokens):
            done.append(self._with_tokens(self._frames.popleft()))
        return done

    def _with_tokens(self, waiting: _Waiting[Clip]) -> tuple[Clip, FrameDetections | None]:
        found = waiting.found
        if found is None or not waiting.people:
            return waiting.clip, found
        detections = [replace(detection, tokens=self._tokens.popleft()) for detection in found.detections]
        return waiting.clip, replace(found, detections=detections)
