"""Options that would be dropped in silence are refused."""

from pathlib import Path

import pytest

from tests.commands import assert_refused, run
from tests.reference_data import SHARED_DATA, needs_shared_data


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("ik", "--markers", __file__, "--markers", __file__), "--markers"),
        (("ik", "--out", "a.mot", "--out", "b.mot"), "--out"),
        (("ik", "--weights", __file__, "--setup", __file__), "--weights"),
        (("scale", "--markers", __file__, "--height-m", 1.8, "--height-m", 1.7), "--height-m"),
        (("measure", __file__, "--height-m", 1.8, "--mass-kg", 70, "--mass-kg=80"), "--mass-kg"),
        (("export", "blue/s/t", "--format", "trc", "--format", "mot"), "--format"),
        (("query", "--sql", "SELECT 1", "--sql", "SELECT 2"), "--sql"),
        (("evaluate", "synthetic", "--images", 1, "--images", 2), "--images"),
        (("inbox", "init", "inbox", "--team", "a", "--team", "b"), "--team"),
        (("bench", "ik", "--model", __file__, "--model", __file__), "--model"),
        (("train", "neurik", "--out", "a", "--out", "b"), "--out"),
    ],
)
def test_an_option_of_one_value_that_is_repeated(arguments: tuple[object, ...], option: str) -> None:
    assert_refused(run(*arguments), f"{option} is given 2 times, and takes one value; give it once", exit_code=2)


def test_options_of_several_values_and_flags_may_be_repeated(tmp_path: Path) -> None:
    result = run("measure", tmp_path / "no.mp4", "--height-m", 1.8, "--height-m", 1.7, "--json", "--json")
    assert_refused(result, "no.mp4' does not exist", exit_code=2)


@needs_shared_data
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lab", "--part", "a", "--method", "mqhmr_alone"), "--method has no effect with --part a"),
        (("lab", "--part", "a", "--keep", "."), "--keep has no effect with --part a"),
        (("synthetic", "--part", "neurik", "--images", 7), "--images has no effect with --part neurik"),
        (("synthetic", "--part", "mqhmr", "--trials", 7), "--trials has no effect with --part mqhmr"),
        (("synthetic", "--part", "mqhmr", "--clip-shards", 0), "--clip-shards has no effect with --part mqhmr"),
    ],
)
def test_an_option_of_a_part_that_does_not_run(arguments: tuple[object, ...], message: str) -> None:
    assert_refused(run("evaluate", *arguments, "--data", SHARED_DATA), message, exit_code=2)


@pytest.mark.parametrize("given", [("trials",), ("--sql", "SELECT 1"), ("--param", "a=b"), ("--format", "csv")])
def test_a_list_of_queries_takes_nothing_else(given: tuple[str, ...]) -> None:
    assert_refused(run("query", "--list", *given), "has no effect with --list", exit_code=2)
