"""What a gap is, for all marker formats: a position that was not measured, however a file writes it.

- Missing: the format marks the position as such, or any of its three components is missing (NaN).
- Zeros: exactly 0 0 0. Several vendors write that for an occluded marker; a measured marker is nowhere exactly. A
  marker that is 0 0 0 in every frame is missing throughout: the same vendors write that for one that was never found.
- Beyond any laboratory: farther than 100 m from the frame's other markers (9999999, 1e6, ...), or three equal
  components farther than 5 m from them (-9999 -9999 -9999 in millimetres, 32767 32767 32767). Both limits grow with the
  markers' spread, so that a wrong unit is no gap.
- Filled: a value repeated bit for bit while the body moves; see `repeated_values`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.io.repeated_values import BoolArray, RepeatedValues, repeated_values

FloatArray = NDArray[np.float64]

FAR_M, FAR_SPREADS = 100.0, 20.0
EQUAL_COMPONENTS_FAR_M, EQUAL_COMPONENTS_FAR_SPREADS = 5.0, 5.0
STRETCHES_LISTED = 12  # in a note


def with_gaps(
    positions_m: FloatArray, names: Sequence[str], *, marked: BoolArray | None = None
) -> tuple[FloatArray, tuple[str, ...], BoolArray | None]:
    """Make every gap NaN and give notes that count and name them.

    Args:
        positions_m: (F, M, 3) metres, as the file states them; the array is not changed.
        names: M marker names.
        marked: (F, M) True where the format itself marks a position as missing (in C3D a negative residual).

    Returns:
        The positions (F, M, 3), NaN in all three components of a gap, and a note for each kind of gap and each other
        kind of repeated value. Frames in notes are counted from 0. And (F, M) where a gap was filled with a repeated
        value, None where none was.
    """
    positions_m = np.array(positions_m, dtype=np.float64)
    missing = np.asarray(np.isnan(positions_m).any(axis=2))
    if marked is not None:
        missing |= marked
    notes = [*_gap_note(missing, names, "missing in the file")]
    positions_m[missing] = np.nan
    zero = np.asarray((positions_m == 0).all(axis=2))
    notes += _gap_note(zero, names, "written as 0 0 0") + _zero_throughout(zero, missing, names)
    positions_m[zero] = np.nan
    beyond = _beyond_laboratory(positions_m)
    example = f"({positions_m[beyond][0, 0]:.7g} m, for example)" if beyond.any() else ""
    notes += _gap_note(beyond, names, f"beyond any laboratory {example}")
    positions_m[beyond] = np.nan
    repeated = repeated_values(positions_m)
    positions_m[repeated.filled] = np.nan
    filled = repeated.filled if repeated.filled.any() else None
    return positions_m, (*notes, *_repetition_notes(repeated, names)), filled


def stretches(mask: BoolArray, names: Sequence[str]) -> list[str]:
    """Describe where an (F, M) mask is True: ``LKNE, LANK in frames 40 to 79``, longest stretches first."""
    edges = np.diff(np.pad(mask, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    markers: dict[tuple[int, int], list[str]] = {}
    for column, start, end in zip(columns.tolist(), starts.tolist(), ends.tolist(), strict=True):
        markers.setdefault((start, end - 1), []).append(names[column])
    ordered = sorted(markers.items(), key=lambda item: (item[0][0] - item[0][1], item[0]))
    listed = [f"{', '.join(who)} in {frames_text(first, last)}" for (first, last), who in ordered[:STRETCHES_LISTED]]
    if rest := ordered[STRETCHES_LISTED:]:
        others = dict.fromkeys(name for _, who in rest for name in who)
        listed.append(f"and {len(rest)} shorter stretches of {', '.join(others)}")
    return listed


def frames_text(first: int, last: int) -> str:
    """``frame 3`` or ``frames 3 to 12``."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def _gap_note(mask: BoolArray, names: Sequence[str], spelling: str) -> list[str]:
    """The note on gaps of one spelling, none where there are none."""
    if not mask.any():
        return []
    count = f"{mask.sum()} of {mask.size} positions"
    return [f"gaps: {count} are {spelling.strip()}: {'; '.join(stretches(mask, names))} (counted from 0)"]


def _zero_throughout(zero: BoolArray, missing: BoolArray, names: Sequence[str]) -> list[str]:
    """The note on markers that are 0 0 0 wherever they are not missing."""
    always = np.asarray((zero | missing).all(axis=0) & zero.any(axis=0))
    if not always.any():
        return []
    which = ", ".join(name for name, known in zip(names, always, strict=True) if known)
    return [f"markers that are 0 0 0 in every frame are read as never measured, not as lying at the origin: {which}"]


def _beyond_laboratory(positions_m: FloatArray) -> BoolArray:
    """(F, M) where a position lies where no measured marker is."""
    equal = (positions_m == positions_m[..., :1]).all(axis=2)
    bodies = np.where(equal[..., None], np.nan, positions_m)  # three equal components: perhaps no position
    overall = _nanmedian(_nanmedian(bodies, axis=0), axis=0)
    centre = np.where((~np.isnan(bodies[..., 0])).sum(axis=1)[:, None] > 2, _nanmedian(bodies, axis=1), overall)
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.abs(positions_m - centre[:, None]).max(axis=2)
    spread = np.nan_to_num(_nanmedian(np.where(equal, np.nan, distance).ravel(), axis=0))
    far = distance > max(FAR_M, FAR_SPREADS * spread)
    return far | (equal & (distance > max(EQUAL_COMPONENTS_FAR_M, EQUAL_COMPONENTS_FAR_SPREADS * spread)))


def _nanmedian(values: FloatArray, *, axis: int) -> FloatArray:
    """Median of the values that are not NaN, NaN without a warning where all are."""
    known = np.sort(values, axis=axis)  # NaN last
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    middle = np.take_along_axis(known, np.maximum(count - 1, 0) // 2, axis=axis)
    return np.asarray(np.squeeze(middle, axis=axis))


def _repetition_notes(repeated: RepeatedValues, names: Sequence[str]) -> list[str]:
    """Notes on values that repeat bit for bit, gaps or not."""
    notes = _gap_note(repeated.filled, names, "filled with a value repeated bit for bit while other markers move")
    if repeated.undecided.any():
        where = "; ".join(stretches(repeated.undecided, names))
        notes.append(
            f"a repeated value may be a filled gap, but the file's resolution is too coarse to decide; kept: {where}"
        )
    if repeated.constant.any():
        which = ", ".join(name for name, still in zip(names, repeated.constant, strict=True) if still)
        notes.append(f"markers that stand still to the last bit in all frames while others move, kept: {which}")
    if count := int(repeated.duplicated.sum()):
        where = "; ".join(stretches(repeated.duplicated[:, None], ["all markers"]))
        total = len(repeated.duplicated)
        notes.append(f"{count} of {total} frames repeat the frame before bit for bit and are kept: {where}")
    return notes
