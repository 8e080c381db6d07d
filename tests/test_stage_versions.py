"""A stage whose code changed has another version, or is recorded to give the same results."""

import json

import pytest

from biopose.pipeline import STAGES
from tests.stage_digests import RECORD, digests


@pytest.mark.parametrize("name", [stage.name for stage in STAGES])
def test_a_stage_whose_code_changed_was_given_another_version_or_recorded_as_the_same(name: str) -> None:
    recorded, now = json.loads(RECORD.read_text(encoding="utf-8"))[name], digests()[name]
    before, after = (part["code"] | part["libraries"] for part in (recorded, now))
    changed = sorted(one for one in before | after if before.get(one) != after.get(one))
    message = (
        f"the stage {name!r} runs other code than was recorded for its version {recorded['version']}: "
        f"{', '.join(changed) or 'only its version changed'}. Where results change by more than rounding, raise its "
        "version in biopose/pipeline.py (each home then measures anew what depends on it); where they are the same, "
        "leave it. Then record: python -m tests.stage_digests"
    )
    assert not changed, message
    assert recorded["version"] == now["version"], message


def test_a_comment_or_a_docstring_changes_no_digest_and_a_constant_does() -> None:
    import ast

    from tests.stage_digests import _digest

    plain, commented, other = (ast.parse(text) for text in ("X = 1", "X = 1  # of a kind", "X = 2"))
    assert _digest(plain) == _digest(commented) != _digest(other)


def test_a_stage_depends_on_what_its_function_imports_and_not_on_what_comes_after() -> None:
    code = {name: set(stage["code"]) for name, stage in digests().items()}
    assert "biopose.perception.detector" in code["perceive"]
    assert "biopose.reconstruction.refinement" in code["reconstruct"]
    assert "biopose.neurik.network" in code["solve"]
    assert "biopose.report.page" in code["analyse"]
    assert not any(module.startswith(("biopose.report", "biopose.rendering")) for module in code["reconstruct"])
    assert not any(module.startswith("biopose.reconstruction") for module in code["perceive"])
    assert not any(
        module.startswith(("biopose.cli", "biopose.training")) for modules in code.values() for module in modules
    )
