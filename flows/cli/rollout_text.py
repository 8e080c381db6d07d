"""Where a rollout stands, as text: what `biopose rollout status` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from biopose.analysis.criterion_text import interval_text, value_text

STOPPED = (
    "biopose rollout start with another candidate, or with more trials; or against the gate: canary or promote, with "
    "--reason WHY"
)
NEXT = {  # by state, and whether the gate passed it
    ("gate", True): "biopose rollout canary --share 0.1, or promote",
    ("canary", True): "biopose rollout promote, or rollback --reason WHY",
    ("canary", False): "biopose rollout rollback --reason WHY, or against the gate: promote --reason WHY",
    ("watch", True): "nothing; nights watch it. biopose rollout rollback --reason WHY goes back",
    ("watch", False): "nothing; nights watch it. biopose rollout rollback --reason WHY goes back",
    ("stopped", True): STOPPED,
    ("stopped", False): STOPPED,
}


def status_lines(status: Mapping[str, Any], *, comparison: bool = True) -> list[str]:
    """The status as text.

    Args:
        status: as `rollout_status` gives it.
        comparison: whether what the shadow cost and what the gate judged are in it.
    """
    shown = ", ".join(f"{count} show {name}" for name, count in status["trials_shown"].items())
    lines = [f"In use: {status['promoted'] or 'none yet'}; of the current trials {shown or 'none'}"]
    lines += [
        f"  {act['at'][:19]}  {act['act']:<9} {act['release']}{', against the gate' * act['against_the_gate']}, by "
        f"{act['who']}: {act['why']}"
        for act in status["acts"]
    ]
    if canary := status["canary"]:
        lines.append(
            f"Canary: {canary['who']}; {canary['trials']} trials, of which {canary['measured']} show the candidate"
        )
    if status["interrupted"]:
        lines.append(f"  interrupted: {status['interrupted']}; the next ingest or rollout command completes it")
    lines += [_backfill_line(one) for one in status["backfills"]]
    rollout = status["rollout"]
    if rollout is None:
        return [*lines, "No rollout yet: biopose rollout start --model STAGE=VERSION"]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in rollout["sample"].items())
    lines.append(
        f"Rollout {rollout['number']}: {rollout['champion']} -> {rollout['candidate']}, at {rollout['state']}; {counts}"
    )
    if comparison and rollout["shadow"]["trials"]:
        lines.append(f"Shadow: {rollout['shadow']['line']}")
    if comparison and rollout["comparison"]:
        lines += _decision_lines(rollout["comparison"]["decision"])
        lines += [f"  note: {note}" for note in rollout["comparison"].get("notes", ())]
    lines += [f"  {one['at'][:19]}  {one['to']:<9} {one['who']}: {one['why']}" for one in rollout["transitions"]]
    lines += [_night_line(night) for night in rollout["nights"]]
    if rollout["verdict"]:
        lines.append(f"Page: {rollout['page']}")
        if following := NEXT.get((rollout["state"], rollout["verdict"] == "pass")):
            lines.append(f"Next: {following}")
    return lines


def backfill_lines(found: Mapping[str, Any]) -> list[str]:
    """The result as text."""
    lines = [
        f"Backfill {found['number']}, {found['since']} to {found['until']}, with {found['release']}: "
        f"{found['measured']} measured, {found['failed']} in quarantine, {found['left_out']} left out"
    ]
    lines += [f"  {name}: {why}" for name, why in found["left"].items()]
    if found["ended_at"] is None:
        lines.append("Not all are measured yet; the same command goes on")
    return lines


def _night_line(night: Mapping[str, Any]) -> str:
    judged = ", ".join(f"{one['name']} {one['verdict']}" for one in night["judged"])
    return f"  {night['at'][:19]}  watch     night {night['night']}: {night['verdict']} ({judged})"


def _backfill_line(one: Mapping[str, Any]) -> str:
    end = f"ended {one['ended_at'][:19]}" if one["ended_at"] else "not done; run again, it goes on"
    return (
        f"Backfill {one['number']}: {one['since']} to {one['until']} with {one['release']}, "
        f"{one['measured']} measured, {one['failed']} in quarantine, {one['left_out']} left out; {end}"
    )


def _decision_lines(decision: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Gate (look {decision['look']}, level {decision['level']:.3g}): {decision['line']}",
        f"  {decision['reason']}",
    ]
    shown = [one for one in decision["judged"] if not _is_quiet(one)]
    for one in shown:
        ends = interval_text(one["low_end"], one["high_end"], one["unit"])
        more = f", {one['more_trials']} more trials" if one["more_trials"] else ""
        mean = value_text(one["mean"], one["unit"])
        lines.append(f"  {one['name']:<48} {mean:>10} (interval {ends}): {one['verdict']}{more}")
    if quiet := len(decision["judged"]) - len(shown):
        lines.append(
            f"  {quiet} criteria of groups and of small golden sets, none beyond its bound; all are on the page"
        )
    return lines


def _is_quiet(one: Mapping[str, Any]) -> bool:
    """Whether a criterion that can only stop a candidate does not, by its mean."""
    low, high = (-math.inf if one["low"] is None else one["low"]), (math.inf if one["high"] is None else one["high"])
    within = one["mean"] is None or low <= one["mean"] <= high
    return bool(one["may_only_fail"] and one["verdict"] != "fail" and within)
