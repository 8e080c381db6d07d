"""A .bvh moves its nodes to where the joints of the model are; it is read here by a reader of its own."""

from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.io.mot import read_mot
from biopose.outputs.bvh import write_bvh
from biopose.outputs.trial import write_trial
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.reader import read_osim
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured

pytestmark = needs_body_asset
AXES = {"X": 0, "Y": 1, "Z": 2}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jump1")
    write_trial(measured(frames=12), folder, settings=SETTINGS, versions=VERSIONS)
    return folder


def test_every_joint_is_where_the_model_has_it(trial: Path, tmp_path: Path) -> None:
    write_bvh(trial, tmp_path / "jump.bvh")
    places_m, step_s = read_bvh(tmp_path / "jump.bvh")
    skeleton = read_osim(trial / "scaled.osim")
    motion = read_mot(trial / "coordinates.mot", rotational=skeleton.rotational_names)
    q = np.stack([motion.values[:, motion.names.index(name)] for name in skeleton.coordinate_names], axis=1)
    centres = Kinematics(skeleton).with_coordinates(torch.from_numpy(q)).joint_centers.numpy()
    segments = [i for i, body in enumerate(skeleton.bodies[1:]) if not body.within_joint]
    assert set(places_m) == {skeleton.body_names[1 + i] for i in segments}
    assert step_s == pytest.approx(np.diff(motion.time_s).mean(), abs=1e-6)
    for i in segments:
        np.testing.assert_allclose(places_m[skeleton.body_names[1 + i]], centres[:, i], atol=1e-3)
    assert np.ptp(places_m["hand_r"], axis=0).max() > 0.01, "it moves"


def read_bvh(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """(T, 3) metres of each node, by forward kinematics of the file alone, and its time step."""
    head, _, motion = path.read_text().partition("MOTION")
    frames, step, *rows = motion.strip().splitlines()
    values = np.array([[float(value) for value in row.split()] for row in rows])
    assert len(values) == int(frames.split()[1])
    stack: list[tuple[np.ndarray, np.ndarray]] = [(np.tile(np.eye(3), (len(values), 1, 1)), np.zeros((len(values), 3)))]
    places, offset, name, column = {}, np.zeros(3), "", 0
    for line in head.split("\n"):
        words = line.split()
        if not words:
            continue
        if words[0] in ("ROOT", "JOINT", "End"):
            name = words[1] if words[0] != "End" else ""
        elif words[0] == "OFFSET":
            offset = np.array(words[1:], float)
            if not name:
                stack.append(stack[-1])
        elif words[0] == "CHANNELS":
            turned, origin = stack[-1]
            local, R = np.tile(offset, (len(values), 1)), np.tile(np.eye(3), (len(values), 1, 1))
            for channel in words[2:]:
                if channel.endswith("position"):
                    local[:, AXES[channel[0]]] = values[:, column]
                else:
                    R = R @ about(channel[0], np.radians(values[:, column]))
                column += 1
            stack.append((turned @ R, origin + (turned @ local[..., None])[..., 0]))
            places[name] = stack[-1][1] / 100
        elif words[0] == "}":
            stack.pop()
    assert column == values.shape[1]
    return places, float(step.split()[2])


def about(axis: str, angle: np.ndarray) -> np.ndarray:
    """(T, 3, 3)."""
    first, second = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    R = np.tile(np.eye(3), (len(angle), 1, 1))
    R[:, first, first] = R[:, second, second] = np.cos(angle)
    R[:, second, first], R[:, first, second] = np.sin(angle), -np.sin(angle)
    return R
