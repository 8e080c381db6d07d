"""`biopose inbox`: sessions before they are measured."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import FOLDER, Commands, as_json, show
from biopose.io.file_names import escaped

if TYPE_CHECKING:
    from biopose.io.inbox_sessions import FoundSession
    from biopose.io.manifest import TrialEntry


@click.group(cls=Commands)
def inbox() -> None:
    """Describe sessions, and check what was described.

    \b
    Examples:
      biopose inbox init inbox --team blue --session 2026-11-25-jumps
      biopose inbox check inbox
    """


@inbox.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--team", default="blue", show_default=True, help="Whose session it is.")
@click.option("--session", help="The session's name; today's date if none is given.")
@as_json
def init(folder: Path, team: str, session: str | None, json_: bool) -> None:
    """Write an example session.toml to DIR/TEAM/SESSION, to be filled in; the videos go beside it.

    \b
    Examples:
      biopose inbox init inbox
      biopose inbox init inbox --team blue --session 2026-11-25-jumps
    """
    from biopose.io.files import written_whole
    from biopose.io.manifest import MANIFEST
    from biopose.io.manifest_example import example_manifest

    today = datetime.now(UTC).astimezone().date().isoformat()
    names = {"--team": team, "--session": today if session is None else session}
    _check_names(names)
    manifest = folder.joinpath(*names.values(), MANIFEST)
    if manifest.exists() or manifest.is_symlink():
        raise click.ClickException(f"{manifest}: is there already; edit it, or give another --session")
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(manifest) as partial:
        text = example_manifest(team=names["--team"], session=names["--session"], date=today)
        partial.write_text(text, encoding="utf-8")
    lines = [f"{manifest}: make it yours, put the videos beside it, then", f"  biopose inbox check {folder}"]
    show({"manifest": str(manifest)}, json_=json_, lines=lambda: lines)


@inbox.command()
@click.argument("folder", metavar="INBOX", type=FOLDER)
@as_json
def check(folder: Path, json_: bool) -> None:
    """Check every session.toml in INBOX: list the trials that would be measured, and every error with its remedy.

    A session lies in INBOX/TEAM/SESSION, and its session.toml names the same team and session. Every video is opened,
    and what its trial says of it, such as start_s, is checked against it; frames after the first are not decoded.
    Recordings of markers, keypoints and forces are read, and the athlete's model; without one, whether there is one for
    their names is checked.

    What would not be measured is listed, too: videos that no trial names, folders without a session.toml, unfinished
    copies, backups of sessions. The exit code is 1 where anything is wrong.

    \b
    Examples:
      biopose inbox check inbox
      biopose inbox check inbox --json
    """
    from biopose.io.inbox_contents import unmatched
    from biopose.io.inbox_sessions import alike_names, sessions_in

    found = list(sessions_in(folder))
    sessions, others = [_checked(one) for one in found], [asdict(one) for one in unmatched(folder)]
    if not (sessions or others):
        raise click.ClickException(
            f"{folder}: no session.toml and no video, neither here nor in a folder below; "
            f"`biopose inbox init {folder}` writes an example"
        )
    notes = alike_names(found)
    ok = not (any_to_do(others) or any(session["refused"] or session["errors"] for session in sessions))
    result = {"ok": ok, "sessions": sessions, "unmatched": others, "notes": notes}
    lines = [*session_lines(sessions), *unmatched_lines(others), *(f"Note: {note}" for note in notes)]
    show(result, json_=json_, lines=lambda: lines)
    if not ok:
        raise click.exceptions.Exit(1)


def _check_names(names: dict[str, str]) -> None:
    """Raise a usage error where an option that becomes part of a path is no valid name."""
    from pydantic import TypeAdapter, ValidationError

    from biopose.io.manifest_entries import NAME_RULE, Name

    for option, name in names.items():
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError as error:
            raise click.UsageError(f"{option} {name!r}: expected {NAME_RULE}") from error


def any_to_do(others: list[dict[str, Any]]) -> bool:
    """Whether something that belongs to no trial, as JSON, needs somebody's action: a storage's hidden folder stays."""
    return any(one["kind"] != "hidden_folder" for one in others)


def _checked(found: FoundSession) -> dict[str, Any]:
    """Of one manifest and its recordings, as JSON: trials that can be measured, refused trials, and errors."""
    manifest = escaped(str(found.manifest))
    if found.session is None:
        return {"manifest": manifest, "trials": [], "refused": [], "errors": str(found.error).splitlines()}
    wrong = {trial.trial_id: _recording_fault(trial) for trial in found.session.trials}
    refused = [{"trial_id": one.trial_id, "kind": one.kind, "message": one.message} for one in found.session.refused]
    refused += [
        {"trial_id": name, "kind": fault[0], "message": fault[1]} for name, fault in wrong.items() if fault is not None
    ]
    trials = [_described(trial) for trial in found.session.trials if wrong[trial.trial_id] is None]
    return {"manifest": manifest, "trials": trials, "refused": refused, "errors": []}


def _recording_fault(trial: TrialEntry) -> tuple[str, str] | None:
    """Kind and message of what is wrong with a trial's recording, or with what the manifest says of it."""
    from biopose.errors import BioposeError, ManifestError

    check = _check_video if trial.kind == "video" else _check_markers
    try:
        check(trial)
    except ManifestError as error:
        return "manifest", str(error)
    except BioposeError as error:
        return trial.kind, str(error)
    except Exception as error:  # whatever a file raises, the others are checked
        return trial.kind, f"{trial.file}: cannot be read ({type(error).__name__}: {error})"
    return None


def _check_video(trial: TrialEntry) -> None:
    from biopose.trial import check_against_video
    from biopose.video.probe import probe_video

    check_against_video(trial, probe_video(trial.file))


def _check_markers(trial: TrialEntry) -> None:
    from biopose.markers.trial import MarkerTrial, check_against_recording

    MarkerTrial.of(trial).method(check_against_recording(trial).names)
    if trial.beside.model is not None:
        _read_model(trial.beside.model)


@cache
def _read_model(path: Path) -> None:
    """Once for all trials of an athlete."""
    from biopose.skeleton.reader import read_osim

    read_osim(path)


def _described(trial: TrialEntry) -> dict[str, Any]:
    return {
        "trial_id": trial.trial_id,
        "athlete": trial.athlete.id,
        "height_m": trial.athlete.height_m,
        "activity": trial.activity,
        "recording": trial.kind,
        "file": trial.file.name,
    }


def session_lines(sessions: list[dict[str, Any]]) -> list[str]:
    """As text; the totals come last."""
    lines = []
    for session in sessions:
        lines.append(session["manifest"])
        lines += [
            f"  ok       {trial['trial_id']}  {trial['athlete']}, {trial['activity']}, {trial['file']}"
            for trial in session["trials"]
        ]
        for trial in session["refused"]:
            lines.append(f"  refused  {trial['trial_id']}  ({trial['kind']})")
            lines += [f"    {line}" for line in trial["message"].splitlines()]
        lines += [f"  error    {line}" for line in session["errors"]]
    trials, refused = (sum(len(session[key]) for session in sessions) for key in ("trials", "refused"))
    unreadable = sum(not (session["trials"] or session["refused"]) for session in sessions)
    return [*lines, f"{trials} trials in order, {refused} refused, {unreadable} manifests unreadable"]


def unmatched_lines(others: list[dict[str, Any]]) -> list[str]:
    """What belongs to no trial, as text; nothing where there is none."""
    if not others:
        return []
    return [f"{len(others)} in the inbox that no trial measures:", *(f"  {o['path']}: {o['message']}" for o in others)]
