from pathlib import Path

import pytest

from biopose.errors import FileFormatError
from biopose.io.ik_setup import read_marker_weights
from tests.io.samples import written
from tests.reference_data import LAB, needs_shared_data


def setup_file(folder: Path, *tasks: str) -> Path:
    return written(folder / "setup.xml", f"<OpenSimDocument><IKTaskSet>{''.join(tasks)}</IKTaskSet></OpenSimDocument>")


def task(name: str, inside: str = "") -> str:
    return f'<IKMarkerTask name="{name}">{inside}</IKMarkerTask>'


def test_weights_are_read_in_order(tmp_path: Path) -> None:
    path = setup_file(tmp_path, task("B", "<weight>2.5</weight>"), task("A", "<weight> 0 </weight>"))
    assert list(read_marker_weights(path).items()) == [("B", 2.5), ("A", 0.0)]


def test_a_task_without_a_weight_weighs_one(tmp_path: Path) -> None:
    assert read_marker_weights(setup_file(tmp_path, task("A"))) == {"A": 1.0}


@pytest.mark.parametrize(("apply", "counts"), [("true", 1), (" True ", 1), ("1", 1), ("false", 0), ("0", 0)])
def test_only_tasks_that_are_applied_count(apply: str, counts: int, tmp_path: Path) -> None:
    path = setup_file(tmp_path, task("A", f"<apply>{apply}</apply><weight>3</weight>"), task("B"))
    assert ("A" in read_marker_weights(path)) == bool(counts)


def test_other_tasks_are_passed_over(tmp_path: Path) -> None:
    path = setup_file(tmp_path, task("A"), '<IKCoordinateTask name="knee"><weight>9</weight></IKCoordinateTask>')
    assert read_marker_weights(path) == {"A": 1.0}


@pytest.mark.parametrize("weight", ["-1", "nan", "inf", "heavy", ""])
def test_a_weight_that_is_none_is_refused_by_marker(weight: str, tmp_path: Path) -> None:
    path = setup_file(tmp_path, task("C7", f"<weight>{weight}</weight>"))
    with pytest.raises(FileFormatError, match=rf"setup\.xml: found weight '{weight}' of marker C7; expected a number"):
        read_marker_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no element found"),
        ("time\tx\n0\t1\n", "expected an OpenSim set-up file"),
        ("<OpenSimDocument/>", "no IKMarkerTask"),
        ("<OpenSimDocument><IKMarkerTask name='A'>", "no element found"),
    ],
)
def test_another_file_is_refused_by_name(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=rf"setup\.xml: .*{message}"):
        read_marker_weights(written(tmp_path / "setup.xml", content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"absent\.xml: found no such file"):
        read_marker_weights(tmp_path / "absent.xml")


@needs_shared_data
def test_an_experts_weights() -> None:
    weights = read_marker_weights(LAB / "DJ1_expert_ik_setup.xml")
    assert len(weights) > 20
    assert all(weight >= 0 for weight in weights.values())
