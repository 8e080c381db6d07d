"""Spellings of segments' names."""

import pytest

from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.segment_names import MIDLINE, SIDES, SPELLINGS, SYNONYMS, standard_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pelvis", "pelvis"),
        ("Hips", "pelvis"),
        ("l_thigh", "l_thigh"),
        ("LeftThigh", "l_thigh"),
        ("Thigh.R", "r_thigh"),
        ("femur_r", "r_thigh"),
        ("RSK", "r_shank"),
        ("left lower-leg", "l_shank"),
        ("calcn_l", "l_foot"),
        ("R_UpperArm", "r_uarm"),
        ("Ann:l_larm", "l_larm"),
        ("RPV", "pelvis"),
        ("thigh", None),
        ("l_clavicle", None),
        ("patella_r", None),
    ],
)
def test_names_are_known_in_many_spellings(name: str, expected: str | None) -> None:
    assert standard_name(name) == expected


def test_no_spelling_has_two_meanings() -> None:
    sided = sum(len(words) for words in SIDES.values()) * 2
    count = sum(len(s) if name in MIDLINE else sided * len(s) for name, s in SYNONYMS.items())
    assert len(SPELLINGS) == count


def test_the_default_skeleton_has_all_segments() -> None:
    found = {standard_name(name) for name in full_body_skeleton().body_names} - {None}
    assert len(found) == len(MIDLINE) + 2 * (len(SYNONYMS) - len(MIDLINE))
