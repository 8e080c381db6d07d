"""What a QuickTime or MP4 file's edit list does to its times: which part of the track is played, and how fast.

FFmpeg plays the parts that an edit list names, hides the rest, and plays all at speed 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from biopose.video.quicktime import Edit


def edit_list_notes(edits: Sequence[Edit]) -> tuple[str, ...]:
    """What is odd about an edit list, a sentence each; one part at speed 1, as trimming leaves it, is not.

    Args:
        edits: the parts that are played, in order.
    """
    notes = []
    speeds = sorted({edit.speed for edit in edits} - {1.0})
    if len(edits) > 1:
        notes.append(
            f"The file's edit list plays {len(edits)} parts of its recording one after another: the motion jumps where "
            "they meet. Measure each part by itself (start_s and end_s)."
        )
    if speeds:
        notes.append(
            f"The file's edit list asks for another speed than 1 ({', '.join(f'{speed:g}' for speed in speeds)}), "
            "which is not applied: times are those of the recording."
        )
    return tuple(notes)
