"""Rollouts: a candidate release against the promoted one, as rows that say where each stands and how it got there.

    register -> shadow -> compare -> gate (-> canary) -> promote -> watch -> done     stopped, from any of them but done

A state is what is to be done next. Whatever is interrupted goes on from its state when the command is run again. In
`canary` a share shows the candidate, in `watch` all do, and each night may still send it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

import duckdb

from warehouse.errors import ReleaseError
from warehouse.run_costs import REPEATED

State = Literal["register", "shadow", "compare", "gate", "canary", "promote", "watch", "done", "stopped"]
STATES: dict[State, tuple[State, ...]] = {  # with what each may be followed by
    "register": ("shadow", "stopped"),
    "shadow": ("shadow", "compare", "stopped"),  # itself where it gives way to a night
    "compare": ("gate", "stopped"),
    "gate": ("canary", "promote", "stopped"),
    "canary": ("canary", "promote", "stopped"),  # itself with another share
    "promote": ("watch", "gate", "canary", "stopped"),  # back to where it was, where it cannot be completed
    "watch": ("done", "stopped"),
    "done": (),
    "stopped": ("canary", "promote"),  # against the gate, with a reason
}
ENDS: tuple[State, ...] = ("done", "stopped")
PASS = "pass"  # noqa: S105 - of the gate's verdicts, that which needs no reason to be promoted
Outcome = Literal["measured", "failed", "left out"]


@dataclass(frozen=True)
class Rollout:
    """One rollout.

    Attributes:
        number: of the rollout.
        champion_id: the release in use when it began.
        candidate_id: the release that may replace it.
        state: of STATES.
        verdict: of the gate; None before it.
        policy: of the gate, the text of its file.
        comparison: JSON that the gate decided on; None before it.
        most_minutes: of processor time that the shadow may spend; None: no bound.
    """

    number: int
    champion_id: str
    candidate_id: str
    state: State
    verdict: str | None
    policy: str
    comparison: str | None
    most_minutes: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.state not in ENDS


@dataclass(frozen=True)
class Transition:
    """From one state to the next."""

    from_state: State | None
    to_state: State
    who: str
    why: str
    noted_at: datetime


@dataclass(frozen=True)
class SampledTrial:
    """A trial that the candidate measures: outcome None is to be measured."""

    trial_id: str
    outcome: Outcome | None
    message: str | None


@dataclass(frozen=True)
class Offset:
    """Mean difference of a metric or coordinate, candidate minus champion, with its 95 % interval where it is known."""

    quantity: str
    unit: str
    mean_difference: float
    low: float | None
    high: float | None
    trials: int
    athletes: int


@dataclass(frozen=True)
class ShadowCost:
    """What a candidate's shadow cost, beside what the champion measured here.

    Attributes:
        trials: that the candidate measured.
        frames: of them.
        champion_frames: of all trials that the champion measured.
        processor_s: spent on the candidate's runs, without the results that both share; None: not known.
        repeated_s: of these, on a second pass over people whom the champion had located.
        champion_processor_s: of the champion's runs of the same trials, all of them.
        shared: by stage, of how many of these trials its result is the champion's, and was not made again.
        seconds: from the draw of the sample to the comparison, pauses included; None: not yet there.
        most_minutes: of processor time, its budget; None: no bound.
    """

    trials: int
    frames: int
    champion_frames: int
    processor_s: float | None
    repeated_s: float
    champion_processor_s: float | None
    shared: Mapping[str, int]
    seconds: float | None
    most_minutes: float | None

    @property
    def line(self) -> str:
        """For a person."""
        text = f"{self.trials} trials, {self.frames} frames; the champion has measured {self.champion_frames} here"
        if self.processor_s is not None and self.champion_processor_s is not None:
            once = ", ".join(f"{stage} ({trials} of {self.trials})" for stage, trials in sorted(self.shared.items()))
            text += (
                f"; once for both: {once or 'no stage'}; {self.processor_s:.0f} processor seconds spent on the rest, "
                f"{self._repeated}the champion's {self.champion_processor_s:.0f} on all stages of these trials"
            )
        if self.most_minutes is not None:
            text += f"; the budget is {self.most_minutes:g} minutes of processor time"
        return text if self.seconds is None else f"{text}; {self.seconds:.0f} s with all pauses"

    @property
    def _repeated(self) -> str:
        if not self.repeated_s:
            return ""
        return f"{self.repeated_s:.0f} of them on a second pass over located people, which a night does not need; "


SHADOW_COST = """
WITH sampled AS (SELECT trial_id FROM rollout_trial WHERE rollout_number = $number AND outcome = 'measured'),
measured AS (
    SELECT release_run.release_id, release_run.trial_id IN (FROM sampled) AS is_sampled, run.frames
    FROM release_run
    JOIN run USING (run_number)
    WHERE release_run.release_id IN ($candidate, $champion)
),
of_stages AS (
    SELECT
        release_run.release_id, release_run.trial_id, stage, processor_s, wall_s,
        (video_sha256, start_s, end_s) AS part  -- whoever is measured in it, and in whichever of its frames
    FROM release_run
    JOIN run USING (run_number)
    JOIN trial_manifest ON trial_manifest.trial_id = run.trial_id
    JOIN run_cost USING (run_number)
    WHERE release_run.release_id IN ($candidate, $champion) AND release_run.trial_id IN (FROM sampled)
),
of_candidate AS (  -- a result that both share has the same cost in both, to the last digit
    SELECT part, stage, processor_s, wall_s, (trial_id, stage, processor_s, wall_s) IN (
        SELECT (trial_id, stage, processor_s, wall_s) FROM of_stages WHERE release_id = $champion
    ) AS is_shared
    FROM of_stages
    WHERE release_id = $candidate
),
spent AS (  -- so has one that two people of a video share: it was made once
    SELECT DISTINCT part, stage, processor_s, wall_s FROM of_candidate WHERE NOT is_shared
),
of_champion AS (
    SELECT DISTINCT part, stage, processor_s, wall_s
    FROM of_stages
    WHERE release_id = $champion AND stage <> $repeated
)
SELECT
    count(*) FILTER (release_id = $candidate AND is_sampled),
    coalesce(sum(frames) FILTER (release_id = $candidate AND is_sampled), 0)::BIGINT,
    coalesce(sum(frames) FILTER (release_id = $champion), 0)::BIGINT,
    if(EXISTS (FROM of_candidate), (SELECT coalesce(sum(processor_s), 0) FROM spent), NULL),
    (SELECT coalesce(sum(processor_s), 0) FROM spent WHERE stage = $repeated),
    (SELECT sum(processor_s) FROM of_champion),
    (SELECT coalesce(histogram(stage), MAP {}) FROM of_candidate WHERE stage <> $repeated AND is_shared),
    (
        SELECT epoch(min(noted_at) FILTER (to_state = 'compare') - min(noted_at) FILTER (to_state = 'shadow'))
        FROM rollout_transition
        WHERE rollout_number = $number
    ),
    (SELECT most_minutes FROM rollout WHERE rollout_number = $number)
FROM measured
"""


def register(
    connection: duckdb.DuckDBPyConnection,
    *,
    champion_id: str,
    candidate_id: str,
    policy: str,
    trials: Sequence[str],
    who: str,
    why: str,
    most_minutes: float | None = None,
) -> int:
    """Record a new rollout with its sample and budget; its number. Call it in a transaction.

    Raises:
        ReleaseError: another one is open.
    """
    if (last := latest(connection)) and last.is_open:
        raise ReleaseError(f"rollout {last.number} is open; `biopose rollout start` goes on with it")
    number = last.number + 1 if last else 1
    connection.execute(
        "INSERT INTO rollout VALUES (?, ?, ?, 'register', NULL, ?, NULL, ?)",
        [number, champion_id, candidate_id, policy, most_minutes],
    )
    _note(connection, number, None, "register", who, why)
    connection.executemany("INSERT INTO rollout_trial VALUES (?, ?, NULL, NULL)", [[number, one] for one in trials])
    move(connection, number, "shadow", who=who, why=f"a sample of {len(trials)} trials is drawn")
    return number


def latest(connection: duckdb.DuckDBPyConnection) -> Rollout | None:
    """The newest rollout; only it can be open."""
    rows = connection.execute("FROM rollout ORDER BY rollout_number DESC LIMIT 1").fetchall()
    return Rollout(*rows[0]) if rows else None


def without_offsets(connection: duckdb.DuckDBPyConnection) -> list[Rollout]:
    """Those that have compared their sample and have no offset, as an erasure leaves them."""
    rows = connection.execute(
        "FROM rollout ANTI JOIN release_offset USING (rollout_number) WHERE comparison IS NOT NULL "
        "ORDER BY rollout_number"
    ).fetchall()
    return [Rollout(*row) for row in rows]


def move(connection: duckdb.DuckDBPyConnection, number: int, to: State, *, who: str, why: str) -> None:
    """Record the transition of a rollout to another state. Call it in one transaction with what it stands for.

    Raises:
        ReleaseError: the state does not follow the present one.
    """
    (state,) = connection.execute("SELECT state FROM rollout WHERE rollout_number = ?", [number]).fetchall()[0]
    if to not in STATES[state]:
        raise ReleaseError(f"rollout {number} is at {state}, which {to} cannot follow")
    connection.execute("UPDATE rollout SET state = ? WHERE rollout_number = ?", [to, number])
    _note(connection, number, state, to, who, why)


def take_back(connection: duckdb.DuckDBPyConnection, number: int, *, who: str, why: str) -> None:
    """Return a rollout whose promotion cannot be completed to the state from which it was begun."""
    before = transitions(connection, number)[-1].from_state
    assert before is not None
    move(connection, number, before, who=who, why=why)


def transitions(connection: duckdb.DuckDBPyConnection, number: int) -> list[Transition]:
    """All of a rollout, in order."""
    rows = connection.execute(
        "SELECT from_state, to_state, who, why, noted_at FROM rollout_transition WHERE rollout_number = ? "
        "ORDER BY rowid",
        [number],
    ).fetchall()
    return [Transition(*row) for row in rows]


def sample(connection: duckdb.DuckDBPyConnection, number: int) -> list[SampledTrial]:
    """The trials of a rollout."""
    rows = connection.execute(
        "SELECT trial_id, outcome, message FROM rollout_trial WHERE rollout_number = ? ORDER BY trial_id", [number]
    ).fetchall()
    return [SampledTrial(*row) for row in rows]


def note_outcome(
    connection: duckdb.DuckDBPyConnection, number: int, trial_id: str, outcome: Outcome, message: str | None = None
) -> None:
    """Record what became of a trial of the sample."""
    connection.execute(
        "UPDATE rollout_trial SET outcome = ?, message = ? WHERE rollout_number = ? AND trial_id = ?",
        [outcome, message, number, trial_id],
    )


def note_compared(connection: duckdb.DuckDBPyConnection, number: int, comparison: str, *, who: str) -> None:
    """Record what the gate will decide on. Call it in a transaction."""
    connection.execute("UPDATE rollout SET comparison = ? WHERE rollout_number = ?", [comparison, number])
    move(connection, number, "gate", who=who, why="compared")


def note_offsets(connection: duckdb.DuckDBPyConnection, number: int, offsets: Sequence[Offset]) -> None:
    """Record by how much the releases of a rollout differ. Call it in a transaction."""
    connection.execute("DELETE FROM release_offset WHERE rollout_number = ?", [number])
    if offsets:
        rows = [[number, *astuple(one)] for one in offsets]
        connection.executemany("INSERT INTO release_offset VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def shadow_cost(connection: duckdb.DuckDBPyConnection, rollout: Rollout) -> ShadowCost:
    """What the shadow of a rollout has cost so far."""
    values = {"number": rollout.number, "candidate": rollout.candidate_id, "champion": rollout.champion_id}
    values["repeated"] = REPEATED
    return ShadowCost(*connection.execute(SHADOW_COST, values).fetchall()[0])


def offsets(connection: duckdb.DuckDBPyConnection, number: int) -> list[Offset]:
    """By how much the releases of a rollout differ, by name of metric or coordinate."""
    rows = connection.execute(
        "SELECT quantity, unit, mean_difference, low, high, trials, athletes FROM release_offset "
        "WHERE rollout_number = ? ORDER BY quantity",
        [number],
    ).fetchall()
    return [Offset(*row) for row in rows]


def decide(connection: duckdb.DuckDBPyConnection, number: int, *, verdict: str, who: str, why: str) -> None:
    """Record what the gate decided: a candidate that passes waits for its promotion, any other is stopped."""
    connection.execute("UPDATE rollout SET verdict = ? WHERE rollout_number = ?", [verdict, number])
    if verdict == PASS:
        _note(connection, number, "gate", "gate", who, f"{verdict}: {why}")
    else:
        move(connection, number, "stopped", who=who, why=f"{verdict}: {why}")


def earlier_looks(connection: duckdb.DuckDBPyConnection, rollout: Rollout) -> int:
    """How often a gate has decided on this candidate before, against the same champion."""
    query = (
        "SELECT count(*) FROM rollout WHERE champion_id = ? AND candidate_id = ? AND verdict IS NOT NULL "
        "AND rollout_number < ?"
    )
    rows = connection.execute(query, [rollout.champion_id, rollout.candidate_id, rollout.number]).fetchall()
    return int(rows[0][0])


def _note(
    connection: duckdb.DuckDBPyConnection, number: int, before: State | None, after: State, who: str, why: str
) -> None:
    connection.execute(
        "INSERT INTO rollout_transition VALUES (?, ?, ?, ?, ?, now())", [number, before, after, who, why]
    )
