"""Keys: equal for equal inputs in any order, another for another stage, version or input."""

from dataclasses import replace
from pathlib import Path

from biopose.pipeline import PERCEIVE, RECONSTRUCT, STAGES
from tasks.keys import code_version, hash_of, stage_key


def test_the_same_inputs_have_the_same_key_in_any_order() -> None:
    assert stage_key(PERCEIVE, a=1, b=[2.5, None]) == stage_key(PERCEIVE, b=[2.5, None], a=1)
    assert stage_key(PERCEIVE, a=1) != stage_key(PERCEIVE, a=2)
    assert stage_key(PERCEIVE, a=1) != stage_key(RECONSTRUCT, a=1)
    assert hash_of({"x": Path("y")}) == hash_of({"x": "y"})


def test_another_version_of_a_stage_has_another_key() -> None:
    assert stage_key(PERCEIVE, a=1) != stage_key(replace(PERCEIVE, version=PERCEIVE.version + 1), a=1)


def test_the_code_version_names_every_stages_version_in_order() -> None:
    assert code_version().endswith("+stages." + ".".join(str(stage.version) for stage in STAGES))
