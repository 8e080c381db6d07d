from pathlib import Path

from tasks.keys import SOURCES, STAGE_SOURCES, code_version, content_key, hash_of


def test_the_same_inputs_have_the_same_key_in_any_order() -> None:
    assert content_key("see", a=1, b=[2.5, None]) == content_key("see", b=[2.5, None], a=1)
    assert content_key("see", a=1) != content_key("see", a=2)
    assert content_key("see", a=1) != content_key("fit", a=1)
    assert hash_of({"x": Path("y")}) == hash_of({"x": "y"})


def test_every_source_of_a_stage_is_there_and_later_stages_depend_on_what_earlier_ones_do() -> None:
    for sources in STAGE_SOURCES.values():
        assert all((SOURCES / source).exists() for source in sources)
    assert set(STAGE_SOURCES["fit"]) - {"measure.py"} <= {*STAGE_SOURCES["finish"]}
    assert len({code_version(stage) for stage in STAGE_SOURCES}) == 4
