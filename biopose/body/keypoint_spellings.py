"""Names of 3D keypoints as markerless systems write them, and ours, those of `KEYPOINTS`.

Pose2Sim's HALPE_26, BODY_25B and COCO_17 (RHip, LBigToe, Head), OpenCap's (midHip, RSmallToe), COCO's own
(left_hip) and MediaPipe's (right_foot_index) are known; for others there is a file of names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from biopose.body.keypoint_names import KEYPOINTS
from biopose.io.files import existing_file, malformed, quoted

JOINTS = {
    "shoulder": ("shoulder", "acromion", "sjc"),
    "elbow": ("elbow", "ejc"),
    "wrist": ("wrist", "wjc"),
    "hip": ("hip", "hjc"),
    "knee": ("knee", "kjc"),
    "ankle": ("ankle", "ajc"),
    "big_toe": ("bigtoe", "footindex", "toe"),
    "small_toe": ("smalltoe", "littletoe"),
    "heel": ("heel", "calcaneus"),
    "eye": ("eye",),
    "ear": ("ear",),
}
MIDLINE = {
    "nose": ("nose",),
    "neck": ("neck",),
    "head_top": ("head", "headtop", "tophead", "vertex"),
    "mid_hip": ("midhip", "hip", "hips", "pelvis", "root"),
}
SIDES = {"left": ("left", "l"), "right": ("right", "r")}


def _spellings() -> dict[str, str]:
    found = {spelling: name for name, spellings in MIDLINE.items() for spelling in spellings}
    for joint, spellings in JOINTS.items():
        for side, words in SIDES.items():
            for word in words:
                for spelling in spellings:
                    found |= {word + spelling: f"{side}_{joint}", spelling + word: f"{side}_{joint}"}
    return found


SPELLINGS = _spellings()


def keypoint_name(name: str) -> str | None:
    """Our name for a keypoint, whose case and separators do not matter; None of one that is not known.

    >>> keypoint_name("RBigToe"), keypoint_name("left_hip"), keypoint_name("midHip"), keypoint_name("r.ASIS_study")
    ('right_big_toe', 'left_hip', 'mid_hip', None)
    """
    return SPELLINGS.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def read_keypoint_names(path: Path) -> Mapping[str, str]:
    """A file of names: TOML, `TheirName = "right_hip"` a line.

    Raises:
        FileFormatError: it is missing or no TOML, or a name is none of `KEYPOINTS`.
    """
    try:
        names = tomllib.loads(existing_file(path).read_text(encoding="utf-8-sig"))
    except ValueError as error:
        found = f"no TOML ({quoted(str(error))})"
        raise malformed(path, found=found, expected='lines such as TheirName = "right_hip"') from error
    for theirs, ours in names.items():
        if ours not in KEYPOINTS:
            raise malformed(path, found=f"{theirs} = {ours!r}", expected=f"one of {', '.join(KEYPOINTS)}")
    return names
