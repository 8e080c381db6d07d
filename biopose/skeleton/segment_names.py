"""Names of segments as motion capture programs and OpenSim models spell them, and our names for them.

Ours are Theia3D's: pelvis, torso, head, and with l_ or r_ before them thigh, shank, foot, toes, uarm, larm, hand. The
three-letter names are Visual3D's defaults (its documentation, "Segment Default Names"): RTH, LSK, RPV.
"""

import re

SYNONYMS = {
    "pelvis": ("pelvis", "hips", "rpv"),
    "torso": ("torso", "thorax", "trunk", "chest", "rta"),
    "head": ("head", "rhe"),
    "thigh": ("thigh", "femur", "upperleg", "upleg", "th"),
    "shank": ("shank", "tibia", "shin", "lowerleg", "sk"),
    "foot": ("foot", "calcn", "calcaneus", "ft"),
    "toes": ("toes", "toe", "toebase"),
    "uarm": ("uarm", "humerus", "upperarm", "ar"),
    "larm": ("larm", "radius", "forearm", "lowerarm", "fa"),
    "hand": ("hand", "ha"),
}
MIDLINE = ("pelvis", "torso", "head")
SIDES = {"l": ("l", "left"), "r": ("r", "right")}


def _spellings() -> dict[str, str]:
    found = {synonym: name for name in MIDLINE for synonym in SYNONYMS[name]}
    for name in SYNONYMS.keys() - set(MIDLINE):
        for side, words in SIDES.items():
            for synonym in SYNONYMS[name]:
                found |= {spelling: f"{side}_{name}" for w in words for spelling in (w + synonym, synonym + w)}
    return found


SPELLINGS = _spellings()


def standard_name(name: str) -> str | None:
    """Our name for a segment or a body, whose case, separators and subject's prefix (SUBJECT:NAME) do not matter.

    >>> standard_name("Ann:Left Thigh"), standard_name("femur_l"), standard_name("l_clavicle")
    ('l_thigh', 'l_thigh', None)
    """
    return SPELLINGS.get(re.sub(r"[^a-z0-9]", "", name.rpartition(":")[2].lower()))
