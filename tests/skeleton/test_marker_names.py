"""Messages about markers' names."""

from biopose.skeleton.marker_names import other_case, some


def test_names_that_differ_in_case_alone_are_told_with_the_models() -> None:
    assert other_case(["rasi", "C7", "lknee"], ["RASI", "C7", "LKNE"]) == (
        "upper and lower case differ: rasi for RASI; write them as the model does"
    )
    assert other_case(["C7", "RASI", "rasi"], ["C7", "RASI"]) == ""


def test_many_names_are_counted() -> None:
    assert some([f"M{i}" for i in range(14)], shown=2) == "M0, M1 and 12 more"
    assert some([]) == "none"
