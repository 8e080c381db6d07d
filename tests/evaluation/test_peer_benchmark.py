"""The comparison with Sports2D: both are given the same clip and weights, and a run that fails is no time."""

import ast
import json
import sys
from pathlib import Path

import pytest

from biopose.assets import asset
from biopose.errors import BioposeError
from biopose.evaluation import peer_benchmark
from biopose.evaluation.peer_benchmark import against_lines
from tests.perception.real_people import needs_networks


@needs_networks
def test_the_peer_is_given_our_clip_and_our_weights() -> None:
    given = json.loads(peer_benchmark._configuration(Path("clip.mp4"), 1.65, Path("out")))
    networks = ast.literal_eval(given["pose"]["mode"])
    assert networks["det_model"] == str(asset("weights/yolox-tiny-humanart.onnx"))
    assert networks["pose_model"] == str(asset("weights/rtmpose-s-halpe26.onnx"))
    assert given["base"]["video_input"] == "clip.mp4"
    assert given["base"]["first_person_height"] == 1.65
    assert not given["base"]["show_realtime_results"]


def test_a_run_that_fails_is_an_error_with_its_last_line() -> None:
    with pytest.raises(BioposeError, match=r"exit code 1: ValueError: no such clip"):
        peer_benchmark._run([sys.executable, "-c", "raise ValueError('no such clip')"])


def test_ratios_are_those_of_the_medians() -> None:
    runs = {"sports2d": [10.0, 11.0, 12.0], "biopose": [9.0, 8.0, 30.0], "biopose_without_pictures": [4.0, 5.0, 6.0]}
    result = peer_benchmark.summary(runs)
    assert result["sports2d_s"] == 11.0
    assert result["ratio"] == 9.0 / 11.0
    assert result["ratio_without_pictures"] == 5.0 / 11.0
    assert against_lines(result)[-2].split()[-1] == "0.82"
