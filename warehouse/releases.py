"""Releases, and which of them the plain names show: nothing else decides what is current.

A release is a method with exact model versions; every run belongs to the one that measured it. Each change of what is
current is an act, a row of `release_act`, which lists the promoted releases, the newest last. A trial's current run is
that of the last release in the list that measured the trial. So what any other release measures, such as a challenger,
is stored beside it and not current, and an act takes as long as one UPDATE. While a canary is in force, the trials that
belong to it have its candidate as the last of their list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import duckdb

from warehouse.canary import IS_CHOSEN, Canary
from warehouse.errors import ReleaseError

BEFORE = "before"  # the release that stands for whatever was current before releases were recorded
ActName = Literal["first", "canary", "promote", "roll back"]

# What was current before releases were recorded is named by the release that measured it.
REFRESH = f"""
UPDATE trial_manifest SET
    current_run_number = CASE WHEN NOT is_retired THEN chosen.current.run_number END,
    current_release_id = CASE WHEN NOT is_retired THEN chosen.current.release_id END
FROM (
    SELECT
        listed.trial_id,
        max_by(
            {{
                run_number: release_run.run_number,
                release_id: if(release_run.release_id = $before, run.release_id, release_run.release_id)
            }},
            list_position(listed.releases, release_run.release_id)
        ) FILTER (list_contains(listed.releases, release_run.release_id)) AS current
    FROM (
        SELECT
            trial_manifest.trial_id,
            if(coalesce({IS_CHOSEN}, false), list_append($releases, $canary.release_id), $releases) AS releases
        FROM trial_manifest JOIN session USING (session_id)
        WHERE $trial IS NULL OR trial_manifest.trial_id = $trial
    ) AS listed
    LEFT JOIN release_run USING (trial_id)
    LEFT JOIN run ON run.run_number = release_run.run_number
    GROUP BY listed.trial_id
) AS chosen
WHERE chosen.trial_id = trial_manifest.trial_id
"""  # noqa: S608 - our own SQL


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
        canary: that is in force from then on; None in most.
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
    canary: Canary | None = None

    @property
    def release_id(self) -> str:
        """The release that it is about: the candidate of a canary, else the promoted one."""
        return self.canary.release_id if self.canary else self.releases[-1]


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


def admit(connection: duckdb.DuckDBPyConnection, method: str, models: Sequence[Mapping[str, Any]]) -> str:
    """Record the release of a run that is about to be loaded; its id. The first that ever comes is promoted by that.

    Raises:
        ReleaseError: it was promoted before the one in use: trials that it alone measured show it, and would change.
    """
    release_id = record_release(connection, method, models)
    _promote_first(connection, release_id)
    if fault := fault_of_measuring(connection, release_id):
        raise ReleaseError(fault)
    return release_id


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
        raise ReleaseError(
            f"the candidate is {now}, the promoted release: there is nothing to compare. Name what it changes: --model "
            "STAGE=VERSION, --method or --alias"
        )
    if release_id in releases:
        earlier = release_of(connection, release_id).name
        raise ReleaseError(f"{earlier} was promoted before the release in use; `biopose rollout rollback` goes back")
    return record_release(connection, method, models, name=name)


def release_in_use(connection: duckdb.DuckDBPyConnection, *, team: str, athlete: str, trial: str) -> str | None:
    """Id of the release that a trial is measured with and shows: the promoted one, or a canary's; None: none yet."""
    found = canary(connection)
    if found is not None and found.chooses(team=team, athlete=athlete, trial=trial):
        return found.release_id
    return next(iter(promoted(connection)[-1:]), None)


def add_run(
    connection: duckdb.DuckDBPyConnection, trial_id: str, release_id: str, run_number: int, *, is_in_use: bool
) -> None:
    """Note which run of a trial stands for a release; current it is only where the release is in use for the trial.

    Where the release in use measured a trial anew, since its video, height or BioPose's version changed, the runs of
    releases that are not promoted measured what it is no longer: they stand for these no more.

    Args:
        connection: inside the transaction that loads the run; the trial is described already.
        trial_id: its id.
        release_id: of the run, admitted.
        run_number: of the run.
        is_in_use: whether it is that of `release_in_use`.
    """
    releases = promoted(connection)
    if is_in_use:
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
    if is_in_use:
        connection.execute("UPDATE trial_manifest SET is_retired = false WHERE trial_id = ?", [trial_id])
    refresh_current(connection, trial_id)


def promoted(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Ids of the promoted releases, the one in use last; none before the first load."""
    rows = connection.execute(
        "SELECT releases FROM release_act WHERE is_done ORDER BY act_number DESC LIMIT 1"
    ).fetchall()
    return tuple(rows[0][0]) if rows else ()


def canary(connection: duckdb.DuckDBPyConnection) -> Canary | None:
    """The canary that is in force; None where there is none."""
    rows = connection.execute(
        "SELECT canary FROM release_act WHERE is_done ORDER BY act_number DESC LIMIT 1"
    ).fetchall()
    return Canary.of(rows[0][0]) if rows else None


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
    canary: Canary | None = None,
) -> None:
    """Note what will be done, before it is done anywhere, and the registry's champions, which it may displace."""
    stages, versions = list(champions), list(champions.values())
    connection.execute(
        "INSERT INTO release_act SELECT coalesce(max(act_number), 0) + 1, ?, ?, false, ?, ?, ?, ?, now(), "
        "map(?::VARCHAR[], ?::INTEGER[]), ? FROM release_act",
        [act, list(releases), is_override, rollout, who, why, stages, versions, canary.row if canary else None],
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
    found = canary(connection)
    values = {"releases": list(promoted(connection)), "trial": trial_id, "before": BEFORE}
    connection.execute(REFRESH, {**values, "canary": found.parameters if found else None})


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
        f"coalesce(champions, map([]::VARCHAR[], []::INTEGER[])), canary FROM release_act {where} ORDER BY act_number"
    ).fetchall()
    return [
        Act(
            number,
            act,
            tuple(releases),
            is_done,
            is_override,
            rollout,
            who,
            why,
            noted_at,
            champions,
            Canary.of(canary),
        )
        for number, act, releases, is_done, is_override, rollout, who, why, noted_at, champions, canary in rows
    ]
