"""Releases, and which of them the plain names show: nothing else decides what is current.

A release is a method with exact model versions; every run belongs to the one that measured it. Each change of what is
current is an act, a row of `release_act`, which lists the promoted releases, the newest last. A trial's current run is
that of the last release in the list that measured the trial. So what any other release measures, such as a challenger,
is stored beside it and not current, and an act takes as long as one UPDATE.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import duckdb

from warehouse.errors import ReleaseError

BEFORE = "before"  # the release that stands for whatever was current before releases were recorded
ActName = Literal["first", "promote", "roll back"]

# What was current before releases were recorded is named by the release that measured it.
REFRESH = """
UPDATE trial_manifest SET
    current_run_number = CASE WHEN NOT is_retired THEN chosen.current.run_number END,
    current_release_id = CASE WHEN NOT is_retired THEN chosen.current.release_id END
FROM (
    SELECT
        trial_manifest.trial_id,
        max_by(
            {
                run_number: release_run.run_number,
                release_id: if(release_run.release_id = $before, run.release_id, release_run.release_id)
            },
            list_position($releases, release_run.release_id)
        ) FILTER (list_contains($releases, release_run.release_id)) AS current
    FROM trial_manifest
    LEFT JOIN release_run USING (trial_id)
    LEFT JOIN run ON run.run_number = release_run.run_number
    WHERE $trial IS NULL OR trial_manifest.trial_id = $trial
    GROUP BY trial_manifest.trial_id
) AS chosen
WHERE chosen.trial_id = trial_manifest.trial_id
"""


@dataclass(frozen=True)
class Release:
    """A method with exact model versions.

    Attributes:
        release_id: hash of both.
        name: unique in the warehouse.
        method: of measuring.
        models: stage, model, version and sha256 of each.
    """

    release_id: str
    name: str
    method: str
    models: tuple[Mapping[str, Any], ...]

    @property
    def versions(self) -> dict[str, int]:
        """By stage, the version of its model."""
        return {str(model["stage"]): int(model["version"]) for model in self.models}


@dataclass(frozen=True)
class Act:
    """A change of what is current.

    Attributes:
        number: in their order.
        act: what was done.
        releases: ids, the promoted one last.
        is_done: false between the note of what will be done and its end.
        is_override: promoted against the gate.
        rollout: its number, where there was one.
        who: did it.
        why: their reason.
        noted_at: when it was begun.
        champions: by stage, the version that had the registry's alias champion before it.
    """

    number: int
    act: ActName
    releases: tuple[str, ...]
    is_done: bool
    is_override: bool
    rollout: int | None
    who: str
    why: str
    noted_at: datetime
    champions: Mapping[str, int]


def release_id_of(method: str, models: Sequence[Mapping[str, Any]]) -> str:
    """The id of a release; the migration to releases computes the same in SQL."""
    ordered = sorted(models, key=lambda model: str(model["stage"]))
    lines = [f"{m['stage']} {m['model']} {m['version']} {m['sha256']}" for m in ordered]
    return hashlib.sha256("\n".join([method, *lines]).encode()).hexdigest()


def record_release(
    connection: duckdb.DuckDBPyConnection, method: str, models: Sequence[Mapping[str, Any]], *, name: str | None = None
) -> str:
    """Record a release, unless it is; its id.

    Args:
        connection: inside a transaction, or not.
        method: of measuring.
        models: stage, model, version and sha256 of each.
        name: unique; None: from method and id.

    Raises:
        ReleaseError: another release has the name.
    """
    release_id = release_id_of(method, models)
    known = connection.execute("SELECT name FROM release WHERE release_id = ?", [release_id]).fetchall()
    if (
        name
        and connection.execute(
            "SELECT 1 FROM release WHERE name = ? AND release_id <> ?", [name, release_id]
        ).fetchall()
    ):
        raise ReleaseError(f"another release is called {name}; give this one another name")
    if not known:
        auto = f"{method}-{release_id[:8]}"
        connection.execute("INSERT INTO release VALUES (?, ?, ?, now())", [release_id, name or auto, method])
        for model in models:
            values = [release_id, *(model[key] for key in ("stage", "model", "version", "sha256"))]
            connection.execute("INSERT INTO release_model VALUES (?, ?, ?, ?, ?)", values)
    elif name and known != [(name,)]:
        connection.execute("UPDATE release SET name = ? WHERE release_id = ?", [name, release_id])
    return release_id


def admit(connection: duckdb.DuckDBPyConnection, method: str, models: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """Record the release of a run that is about to be loaded; the first that ever comes is promoted by that.

    Returns:
        Its id, and whether it is the promoted one, so that its runs become current.

    Raises:
        ReleaseError: it was promoted before the one in use: trials that it alone measured show it, and would change.
    """
    release_id = record_release(connection, method, models)
    _promote_first(connection, release_id)
    if fault := fault_of_measuring(connection, release_id):
        raise ReleaseError(fault)
    return release_id, promoted(connection)[-1] == release_id


def fault_of_measuring(connection: duckdb.DuckDBPyConnection, release_id: str) -> str | None:
    """Why nothing may be measured with a release: it was promoted before the one in use. None where it may."""
    releases = promoted(connection)
    if release_id not in releases[:-1]:
        return None
    name, now = (release_of(connection, one).name for one in (release_id, releases[-1]))
    return (
        f"the release {name} was promoted before {now}, and some trials may show it still; nothing is measured "
        "with it any more. `biopose rollout rollback` makes it current again"
    )


def admit_candidate(
    connection: duckdb.DuckDBPyConnection, method: str, models: Sequence[Mapping[str, Any]], *, name: str | None
) -> str:
    """Record a release that may be promoted over the one in use; its id.

    Raises:
        ReleaseError: it is the one in use, or one that was promoted before it.
    """
    release_id, releases = release_id_of(method, models), promoted(connection)
    if release_id == releases[-1]:
        now = release_of(connection, release_id).name
        raise ReleaseError(f"the candidate is {now}, the promoted release: there is nothing to compare")
    if release_id in releases:
        earlier = release_of(connection, release_id).name
        raise ReleaseError(f"{earlier} was promoted before the release in use; `biopose rollout rollback` goes back")
    return record_release(connection, method, models, name=name)


def add_run(connection: duckdb.DuckDBPyConnection, trial_id: str, release_id: str, run_number: int) -> None:
    """Note which run of a trial stands for a release; current it is only where the release is the promoted one.

    Where the promoted release measured a trial anew, since its video, height or BioPose's version changed, the runs of
    releases that are not promoted measured what it is no longer: they stand for these no more.

    Args:
        connection: inside the transaction that loads the run; the trial is described already.
        trial_id: its id.
        release_id: of the run, admitted.
        run_number: of the run.
    """
    releases = promoted(connection)
    is_promoted = releases[-1] == release_id
    if is_promoted:
        connection.execute(
            "DELETE FROM release_run WHERE trial_id = $trial AND NOT list_contains($releases, release_id) AND EXISTS "
            "(FROM release_run WHERE trial_id = $trial AND release_id = $release AND run_number <> $number)",
            {"trial": trial_id, "releases": list(releases), "release": release_id, "number": run_number},
        )
    connection.execute(
        "INSERT INTO release_run VALUES (?, ?, ?) "
        "ON CONFLICT (trial_id, release_id) DO UPDATE SET run_number = excluded.run_number",
        [trial_id, release_id, run_number],
    )
    if is_promoted:
        connection.execute("UPDATE trial_manifest SET is_retired = false WHERE trial_id = ?", [trial_id])
    refresh_current(connection, trial_id)


def promoted(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Ids of the promoted releases, the one in use last; none before the first load."""
    rows = connection.execute(
        "SELECT releases FROM release_act WHERE is_done ORDER BY act_number DESC LIMIT 1"
    ).fetchall()
    return tuple(rows[0][0]) if rows else ()


def begin_act(
    connection: duckdb.DuckDBPyConnection,
    act: ActName,
    releases: Sequence[str],
    *,
    who: str,
    why: str,
    rollout: int | None = None,
    is_override: bool = False,
    champions: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Note what will be done, before it is done anywhere, and the registry's champions, which it may displace."""
    connection.execute(
        "INSERT INTO release_act SELECT coalesce(max(act_number), 0) + 1, ?, ?, false, ?, ?, ?, ?, now(), "
        "map(?::VARCHAR[], ?::INTEGER[]) FROM release_act",
        [act, list(releases), is_override, rollout, who, why, list(champions), list(champions.values())],
    )


def finish_act(connection: duckdb.DuckDBPyConnection) -> None:
    """Do what was noted: all trials show its releases. Call it in one transaction with what else the act changes."""
    connection.execute("UPDATE release_act SET is_done = true WHERE NOT is_done")
    refresh_current(connection)


def drop_act(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove the note of an act that was not done."""
    connection.execute("DELETE FROM release_act WHERE NOT is_done")


def begun_act(connection: duckdb.DuckDBPyConnection) -> Act | None:
    """The act that was begun and is not done; it was interrupted."""
    return next(iter(_acts(connection, "WHERE NOT is_done")), None)


def acts(connection: duckdb.DuckDBPyConnection) -> list[Act]:
    """Every act that was done, in order."""
    return _acts(connection, "WHERE is_done")


def refresh_current(connection: duckdb.DuckDBPyConnection, trial_id: str | None = None) -> None:
    """Set the current run and release of one trial, or of all, by the rule of this file."""
    connection.execute(REFRESH, {"releases": list(promoted(connection)), "trial": trial_id, "before": BEFORE})


def release_of(connection: duckdb.DuckDBPyConnection, release: str) -> Release:
    """A release by its id or name.

    Raises:
        ReleaseError: there is none.
    """
    rows = connection.execute(
        "SELECT release_id, name, method FROM release WHERE release_id = ? OR name = ?", [release, release]
    ).fetchall()
    if not rows:
        there = ", ".join(name for (name,) in connection.execute("SELECT name FROM release ORDER BY 1").fetchall())
        raise ReleaseError(f"{release}: there is no such release; there are {there or 'none'}")
    release_id, name, method = rows[0]
    models = connection.execute(
        "SELECT stage, model, version, sha256 FROM release_model WHERE release_id = ? ORDER BY stage", [release_id]
    ).fetchall()
    keys = ("stage", "model", "version", "sha256")
    return Release(release_id, name, method, tuple(dict(zip(keys, model, strict=True)) for model in models))


def promoted_release(connection: duckdb.DuckDBPyConnection) -> Release | None:
    """The release in use; None where none was recorded yet."""
    releases = promoted(connection)
    return None if releases[-1:] in ((), (BEFORE,)) else release_of(connection, releases[-1])


def usual_method(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The method that measured most of the current videos; None where there is none."""
    rows = connection.execute(
        "SELECT method FROM trial_manifest JOIN run ON run_number = current_run_number "
        "WHERE recording = 'video' GROUP BY method ORDER BY count(*) DESC, method LIMIT 1"
    ).fetchall()
    return str(rows[0][0]) if rows else None


def trials_shown(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """By name of the release, how many trials show it."""
    rows: Collection[tuple[str, int]] = connection.execute(
        "SELECT release.name, count(*) FROM trial_manifest JOIN release ON release_id = current_release_id "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return dict(rows)


def _promote_first(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Promote a release where none ever was."""
    releases = promoted(connection)
    if not set(releases) - {BEFORE}:
        begin_act(connection, "first", [*releases, release_id], who="ingest", why="the first release of this home")
        finish_act(connection)


def _acts(connection: duckdb.DuckDBPyConnection, where: str) -> list[Act]:
    rows = connection.execute(
        "SELECT act_number, act, releases, is_done, is_override, rollout_number, who, why, noted_at, "  # noqa: S608
        f"coalesce(champions, map([]::VARCHAR[], []::INTEGER[])) FROM release_act {where} ORDER BY act_number"
    ).fetchall()
    return [Act(number, act, tuple(releases), *others) for number, act, releases, *others in rows]
