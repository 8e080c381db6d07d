import numpy as np
import pytest

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories, Storage, frame_rate_hz

TIME_S = np.arange(4) / 100


def markers(**changes: object) -> MarkerTrajectories:
    fields = {"time_s": TIME_S, "names": ("A", "B"), "positions_m": np.zeros((4, 2, 3))}
    return MarkerTrajectories(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions_m": np.zeros((4, 3, 3))}, r"positions_m has shape \(4, 3, 3\)"),
        ({"positions_m": np.zeros((4, 2))}, "positions_m has shape"),
        ({"positions_m": np.full((4, 2, 3), np.inf)}, "infinite"),
        ({"names": ("A", "A")}, "given twice: .'A'"),
        ({"names": ()}, "names must be given"),
        ({"names": ("A", "")}, "empty"),
        ({"names": ("A", " B")}, "blanks"),
        ({"names": ("A", "B\tC")}, "tab"),
        ({"time_s": np.array([0.0, 0.01, 0.01, 0.02])}, "frame 2 is at 0.01, after 0.01"),
        ({"time_s": np.array([0.0, 0.01, np.nan, 0.02])}, "finite"),
        ({"time_s": np.zeros((4, 1))}, "time_s must be"),
        ({"time_s": np.zeros(0), "positions_m": np.zeros((0, 2, 3))}, "F >= 1"),
    ],
)
def test_markers_that_contradict_themselves_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        markers(**changes)


def test_coordinates_and_storage_are_checked_alike() -> None:
    with pytest.raises(ValueError, match="values has shape"):
        CoordinateTrajectories(TIME_S, ("a",), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="given twice"):
        Storage(TIME_S, ("a", "a"), np.zeros((4, 2)), in_degrees=False, name="")
    with pytest.raises(ValueError, match="name 'a=b'"):
        Storage(TIME_S, ("a",), np.zeros((4, 1)), in_degrees=False, name="a=b")


def test_lists_and_other_number_types_are_taken() -> None:
    trajectories = MarkerTrajectories([0, 1], ["A"], np.zeros((2, 1, 3), dtype=np.float32))  # type: ignore[arg-type]
    assert trajectories.names == ("A",)
    assert trajectories.time_s.dtype == trajectories.positions_m.dtype == np.float64


def test_select_keeps_the_given_order() -> None:
    positions_m = np.random.default_rng(0).normal(size=(4, 3, 3))
    selected = MarkerTrajectories(TIME_S, ("A", "B", "C"), positions_m, notes=("odd",)).select(["C", "A"])
    assert selected.names == ("C", "A")
    assert selected.notes == ("odd",)
    assert np.array_equal(selected.positions_m, positions_m[:, [2, 0]])
    values = positions_m[:, :, 0]
    assert np.array_equal(CoordinateTrajectories(TIME_S, ("A", "B", "C"), values).select(["B"]).values, values[:, 1:2])


def test_select_names_what_is_missing() -> None:
    with pytest.raises(ValueError, match="no markers named X, Y; there are A, B"):
        markers().select(["X", "A", "Y"])
    with pytest.raises(ValueError, match="no coordinates named X"):
        CoordinateTrajectories(TIME_S, ("a",), np.zeros((4, 1))).select(["X"])


@pytest.mark.parametrize("rate_hz", [29.97, 60, 120, 240])
def test_the_rate_survives_lost_frames_and_times_in_milliseconds(rate_hz: float) -> None:
    frames = np.delete(np.arange(500), [7, 8, 9, 100, 333])
    assert frame_rate_hz(frames / rate_hz) == pytest.approx(rate_hz, rel=1e-9)
    assert frame_rate_hz(np.round(frames / rate_hz, 3)) == pytest.approx(rate_hz, rel=1e-3)


def test_a_single_frame_has_no_rate() -> None:
    with pytest.raises(ValueError, match="single frame"):
        _ = MarkerTrajectories(np.zeros(1), ("A",), np.zeros((1, 1, 3))).rate_hz


def test_frames_are_kept_with_what_is_known_of_them() -> None:
    filled = np.zeros((4, 2), dtype=bool)
    filled[2, 1] = True
    some = MarkerTrajectories(TIME_S, ("A", "B"), np.ones((4, 2, 3)), filled=filled).at(slice(2, 4))
    np.testing.assert_array_equal(some.time_s, TIME_S[2:])
    assert some.filled is not None
    np.testing.assert_array_equal(some.filled, [[False, True], [False, False]])
