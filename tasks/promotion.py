"""Promoting and rolling back: one act over two systems, the warehouse's pointer and MLflow's alias champion.

    1. the warehouse notes what will be done            (a transaction)
    2. MLflow's alias champion moves, stage by stage    (each may be repeated)
    3. the release is current and the act is done       (a transaction)
    4. a snapshot is published for readers

A canary changes no alias, so that it is one transaction and a publication. Where an act is interrupted after 1,
whatever comes next, an ingest or a command, does 2 to 4; where that cannot be, since a model version is gone, it takes
back 1 and 2. The note has the champions before 2, which taking back restores, and a rollback, too. Readers have all
numbers of one side or of the other: only 3 changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC

import duckdb

from biopose.errors import ModelError
from tasks.audit import AuditLog
from tasks.model_aliases import aliased_versions, restore_alias, set_alias
from tasks.models import CHAMPION
from tasks.releases import pinned
from tasks.settings import Settings
from tasks.user_name import user_name
from warehouse.canary import Canary, Unit, check_canary
from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.errors import DoneAlreadyError, ReleaseError, WarehouseError
from warehouse.releases import (
    BEFORE,
    Act,
    ActName,
    Release,
    acts,
    begin_act,
    begun_act,
    canary,
    drop_act,
    finish_act,
    promoted,
    release_of,
)
from warehouse.rollouts import PASS, Rollout, latest, move, take_back, transitions
from warehouse.snapshot import publish_snapshot


def promote(settings: Settings, *, reason: str | None = None) -> Release:
    """Promote the candidate of the last rollout.

    Args:
        settings: of registry and warehouse; the home's lock is held.
        reason: needed against the gate, and kept.

    Raises:
        DoneAlreadyError: it is the release in use.
        ReleaseError: there is nothing to promote, or the gate did not pass it and no reason is given.
        ModelError: a model version is missing, or the registry cannot be reached; nothing is changed.
    """
    complete_interrupted(settings)
    with opened_for_writing(settings.warehouse) as connection:
        _refuse_promoted(connection)
        rollout, releases = _promotable(connection, reason), promoted(connection)
        candidate = release_of(connection, rollout.candidate_id)
    why = _why(rollout, reason)

    def begin(connection: duckdb.DuckDBPyConnection) -> None:
        move(connection, rollout.number, "promote", who=user_name(), why=why)

    _act(
        settings,
        "promote",
        candidate,
        [*releases, candidate.release_id],
        why=why,
        rollout=rollout.number,
        is_override=not _is_passed(rollout),
        begin=begin,
    )
    return candidate


def show_canary(
    settings: Settings,
    *,
    share: float = 0.0,
    unit: Unit = "athlete",
    teams: Sequence[str] = (),
    reason: str | None = None,
) -> Canary:
    """Show the candidate of the last rollout to a share; done again, with another share.

    Args:
        settings: of registry and warehouse; the home's lock is held.
        share: of all units, 0 to 1.
        unit: that the share is of.
        teams: that are in it besides.
        reason: needed against the gate, and kept.

    Raises:
        DoneAlreadyError: this canary is in force.
        ReleaseError: there is no candidate, the gate did not pass it and no reason is given, or nobody is chosen.
        ModelError: a model version is missing, or the registry cannot be reached; nothing is changed.
    """
    complete_interrupted(settings)
    with opened_for_writing(settings.warehouse) as connection:
        rollout = _promotable(connection, reason)
        candidate = release_of(connection, rollout.candidate_id)
        chosen = Canary(rollout.candidate_id, unit, share, tuple(teams))
        if canary(connection) == chosen:
            raise DoneAlreadyError(f"the canary is in force: {chosen}")
        counted = check_canary(connection, chosen)
    pinned(settings, candidate)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        why = f"{chosen}, {counted.line}; {_why(rollout, reason)}"
        begin_act(
            connection,
            "canary",
            promoted(connection),
            who=user_name(),
            why=why,
            rollout=rollout.number,
            is_override=not _is_passed(rollout),
            canary=chosen,
        )
        finish_act(connection)
        move(connection, rollout.number, "canary", who=user_name(), why=why)
    publish_snapshot(settings.warehouse, settings.snapshot)
    return chosen


def roll_back(settings: Settings, *, reason: str, who: str | None = None) -> Release:
    """End the canary that is in force; else make the release current again that was before the promoted one.

    Args:
        settings: of registry and warehouse; the home's lock is held.
        reason: kept.
        who: does it; None: the user.

    Raises:
        DoneAlreadyError: the last act was a rollback for this reason by this person.
        ReleaseError: there is none before it.
        ModelError: a model version is missing, or the registry cannot be reached; nothing is changed.
    """
    complete_interrupted(settings)
    who = who or user_name()
    with opened_for_writing(settings.warehouse) as connection:
        _refuse_rolled_back(connection, who=who, reason=reason)
        releases, rollout = promoted(connection), latest(connection)
        if rollout is not None and rollout.state == "canary":
            _end_canary(connection, rollout, who=who, why=_ended(reason))
            target = release_of(connection, releases[-1])
        elif set(releases[:-1]) - {BEFORE}:
            target = release_of(connection, releases[-2])
        else:
            raise ReleaseError("there is no release to go back to: the one in use is the first that was promoted here")
    if rollout is not None and rollout.state == "canary":
        publish_snapshot(settings.warehouse, settings.snapshot)
    else:
        number = rollout.number if rollout is not None and rollout.state == "watch" else None
        _act(settings, "roll back", target, releases[:-1], who=who, why=reason, rollout=number)
    return target


def abort(settings: Settings, *, reason: str) -> None:
    """Stop the open rollout; a canary ends by that.

    Raises:
        DoneAlreadyError: it was aborted for this reason.
        ReleaseError: none is open, or its candidate is promoted already.
    """
    complete_interrupted(settings)
    with opened_for_writing(settings.warehouse) as connection:
        rollout = latest(connection)
        _refuse_ended(connection, rollout, f"aborted: {reason}")
        if rollout is None or not rollout.is_open:
            raise ReleaseError("no rollout is open")
        if rollout.state == "watch":
            raise ReleaseError(
                f"rollout {rollout.number} is promoted, and watched: `biopose rollout rollback` goes back to the "
                "release before, `biopose rollout finish` ends the watch"
            )
        if rollout.state == "canary":
            _end_canary(connection, rollout, who=user_name(), why=f"aborted: {reason}")
        else:
            with transaction(connection):
                move(connection, rollout.number, "stopped", who=user_name(), why=f"aborted: {reason}")
    if rollout.state == "canary":
        publish_snapshot(settings.warehouse, settings.snapshot)


def finish(settings: Settings, *, reason: str) -> None:
    """End the watch of a promoted release, which stays.

    Raises:
        DoneAlreadyError: its watch was ended for this reason.
        ReleaseError: none is watched.
    """
    complete_interrupted(settings)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        rollout, why = latest(connection), f"the watch is ended: {reason}"
        _refuse_ended(connection, rollout, why)
        if rollout is None or rollout.state != "watch":
            raise ReleaseError("no promoted release is watched; there is nothing to finish")
        move(connection, rollout.number, "done", who=user_name(), why=why)


def _refuse_promoted(connection: duckdb.DuckDBPyConnection) -> None:
    rollout = latest(connection)
    if rollout is not None and rollout.state == "watch":
        name = release_of(connection, rollout.candidate_id).name
        raise DoneAlreadyError(f"rollout {rollout.number} is promoted: {name} is the release in use")


def _refuse_rolled_back(connection: duckdb.DuckDBPyConnection, *, who: str, reason: str) -> None:
    """A command that was killed is given its reason again."""
    last = next(reversed(acts(connection)), None)
    if last and (last.act, last.who) == ("roll back", who) and last.why in (reason, _ended(reason)):
        raise DoneAlreadyError(
            f"it was rolled back for this reason at {last.noted_at.astimezone(UTC):%Y-%m-%d %H:%M} (UTC) already, and "
            f"nothing was done since: {release_of(connection, last.releases[-1]).name} is the release in use. Another "
            "--reason goes back further"
        )


def _refuse_ended(connection: duckdb.DuckDBPyConnection, rollout: Rollout | None, why: str) -> None:
    if rollout is not None and not rollout.is_open and transitions(connection, rollout.number)[-1].why == why:
        raise DoneAlreadyError(f"rollout {rollout.number} has ended already, {why}")


def _ended(reason: str) -> str:
    """The reason of a canary's end, as it is recorded."""
    return f"rolled back: {reason}"


def _end_canary(connection: duckdb.DuckDBPyConnection, rollout: Rollout, *, who: str, why: str) -> None:
    """Show what was shown before a canary, in one transaction; it is not published yet."""
    with transaction(connection):
        begin_act(connection, "roll back", promoted(connection), who=who, why=why, rollout=rollout.number)
        finish_act(connection)
        move(connection, rollout.number, "stopped", who=who, why=why)


def complete_interrupted(settings: Settings) -> list[str]:
    """Complete an act that was interrupted; take it back where a model version of it is gone.

    Returns:
        What was done, a line each.

    Raises:
        WarehouseBusyError: another process has the database open.
        ModelError: the registry cannot be reached.
    """
    if not settings.warehouse.is_file():
        return []
    with opened_for_writing(settings.warehouse) as connection:
        act, done = begun_act(connection), acts(connection)
        name = release_of(connection, act.release_id).name if act else ""
    if act is None:
        return _publish_unpublished(settings, done)
    try:
        _complete(settings, act)
    except ModelError as error:
        _take_back(settings, act, str(error))
        return [f"the interrupted act ({act.act} {name}) cannot be completed and is taken back: {error}"]
    _audit(settings, act)
    return [f"the interrupted act ({act.act} {name}) is completed"]


def _publish_unpublished(settings: Settings, done: Sequence[Act]) -> list[str]:
    """Publish where the process ended between the last act and its publication."""
    with suppress(WarehouseError), opened_for_reading(settings.snapshot) as connection:
        if len(acts(connection)) < len(done):
            connection.close()
            publish_snapshot(settings.warehouse, settings.snapshot)
            _audit(settings, done[-1])
            return ["the last promotion or rollback is published to readers, which was interrupted"]
    return []


def _audit(settings: Settings, act: Act) -> None:
    """Record what a killed command could not."""
    if act.act != "first":
        with opened_for_writing(settings.warehouse) as connection:
            name = release_of(connection, act.releases[-1]).name
        AuditLog(settings.home).append(act.who, act.act, f"release in use: {name}, completed after an interruption")


def _promotable(connection: duckdb.DuckDBPyConnection, reason: str | None) -> Rollout:
    rollout = latest(connection)
    if rollout is None or rollout.verdict is None or rollout.state not in ("gate", "canary", "stopped"):
        there = f"rollout {rollout.number} is at {rollout.state}" if rollout else "there is no rollout"
        raise ReleaseError(f"nothing to promote: {there}; `biopose rollout start` brings one to the gate")
    if rollout.champion_id != promoted(connection)[-1]:
        name = release_of(connection, promoted(connection)[-1]).name
        raise ReleaseError(
            f"rollout {rollout.number} compared with a release that is no longer the promoted one; that is {name}. "
            "Start a new rollout"
        )
    if not (_is_passed(rollout) or reason):
        raise ReleaseError(
            f"rollout {rollout.number} is at {rollout.state}, and the gate's verdict is: {rollout.verdict}. Promoting "
            "against that needs --reason, which stays on record"
        )
    return rollout


def _is_passed(rollout: Rollout) -> bool:
    return rollout.state in ("gate", "canary") and rollout.verdict == PASS


def _why(rollout: Rollout, reason: str | None) -> str:
    """As it is recorded: with the verdict where the gate did not pass it."""
    if _is_passed(rollout):
        return reason or "the gate passed it"
    return f"{reason} (the gate's verdict: {rollout.verdict})"


def _act(
    settings: Settings,
    name: ActName,
    target: Release,
    releases: Sequence[str],
    *,
    why: str,
    who: str | None = None,
    rollout: int | None = None,
    is_override: bool = False,
    begin: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
) -> None:
    pinned(settings, target)  # before anything is changed
    champions = aliased_versions(settings, CHAMPION)
    with opened_for_writing(settings.warehouse) as connection:
        with transaction(connection):
            begin_act(
                connection,
                name,
                releases,
                who=who or user_name(),
                why=why,
                rollout=rollout,
                is_override=is_override,
                champions=champions,
            )
            begin(connection)
        act = begun_act(connection)
    assert act is not None
    _complete(settings, act)


def _complete(settings: Settings, act: Act) -> None:
    with opened_for_writing(settings.warehouse) as connection:
        target = release_of(connection, act.releases[-1])
        displaced = _displaced(connection, act)
    pinned(settings, target)
    restore_alias(settings, CHAMPION, displaced)
    set_alias(settings, CHAMPION, target.versions)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        finish_act(connection)
        if act.rollout is not None:
            if act.act == "promote":
                move(connection, act.rollout, "watch", who=act.who, why="promoted")
            else:
                move(connection, act.rollout, "stopped", who=act.who, why=f"rolled back: {act.why}")
    publish_snapshot(settings.warehouse, settings.snapshot)


def _take_back(settings: Settings, act: Act, why: str) -> None:
    with opened_for_writing(settings.warehouse) as connection:
        stages = (*release_of(connection, act.releases[-1]).versions, *_displaced(connection, act))
    restore_alias(settings, CHAMPION, {stage: act.champions.get(stage) for stage in stages})
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        drop_act(connection)
        if act.rollout is not None and act.act == "promote":
            take_back(connection, act.rollout, who=act.who, why=f"the promotion is taken back: {why}")


def _displaced(connection: duckdb.DuckDBPyConnection, act: Act) -> dict[str, int | None]:
    """Of a rollback that is not done yet, by stage, the champions before the promotion that it undoes; None: none was.

    Of stages that the release to go back to has, its own versions are champions.
    """
    if act.act != "roll back":
        return {}
    releases = promoted(connection)
    undone = next(one for one in reversed(acts(connection)) if one.act == "promote" and one.releases == releases)
    stages = release_of(connection, releases[-1]).versions.keys() - release_of(connection, act.releases[-1]).versions
    return {stage: undone.champions.get(stage) for stage in sorted(stages)}
