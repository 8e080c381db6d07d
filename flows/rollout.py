"""A rollout: a candidate release measures a sample of stored trials in the shadow of the promoted one.

    register -> shadow -> compare -> gate        then `biopose rollout canary` or `promote`, by a person

Each state is a row (`warehouse.rollouts`), so a rollout that was interrupted goes on by running the flow again. Numbers
of the candidate are stored beside the current ones. A night comes first: the shadow gives way to it at its next trial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger

from biopose.analysis.gate_policy import Policy
from biopose.reconstruction.method_names import MethodName, networks_of
from flows.ingest import measure
from tasks.compared_trial import ComparedTrial
from tasks.comparison import compare, read_policy
from tasks.errors import GivesWayError, TrialsFailedError
from tasks.golden import GoldenSet
from tasks.ingest_run import IngestRun
from tasks.model_aliases import aliased_versions
from tasks.models import CHAMPION, pin_versions, tag_versions
from tasks.priority import Background, in_background
from tasks.promotion import complete_interrupted
from tasks.release_offsets import offsets_of
from tasks.releases import PinnedRelease, neurik_of_markers, pinned, release_to_measure
from tasks.rollout_status import rollout_status, write_page
from tasks.settings import Settings
from tasks.shadow import kept_stages, plan_shadow
from tasks.shadow_sample import Budget, draw_sample, stored_trials
from tasks.stored_plan import by_options
from tasks.user_name import user_name
from tasks.video_keys import shared_stages
from tasks.warehouse_writer import WarehouseWriter
from warehouse.connection import opened_for_writing, transaction
from warehouse.errors import ReleaseError, no_home
from warehouse.paired_runs import paired_runs
from warehouse.releases import Release, admit_candidate, promoted_release, release_of
from warehouse.rollouts import (
    Rollout,
    decide,
    earlier_looks,
    latest,
    move,
    note_compared,
    note_offsets,
    note_outcome,
    register,
    sample,
    shadow_cost,
)
from warehouse.run_costs import run_options

_OPTIONS = {"models": "model"}  # fields of a choice that the command names otherwise


@dataclass(frozen=True)
class Choice:
    """What a candidate is to be, and how it is judged."""

    method: MethodName | None
    models: Mapping[str, int]
    alias: str | None
    name: str | None
    policy: str | None


@flow(name="rollout", persist_result=False)
def rollout(
    home: str | None = None,
    method: MethodName | None = None,
    models: Mapping[str, int] | None = None,
    alias: str | None = None,
    name: str | None = None,
    most_trials: int = 40,
    most_frames: int | None = None,
    most_minutes: float | None = None,
    policy: str | None = None,
    why: str = "",
) -> dict[str, Any]:
    """Start a rollout, or go on with the one that is open, as far as the gate.

    Args:
        home: holds all state; None: of the settings.
        method: of the candidate; None: that of the promoted release.
        models: by stage, the candidate's versions; the others are those of the promoted release.
        alias: the model versions that have it are the candidate's.
        name: of the candidate release.
        most_trials: budget of the shadow.
        most_frames: likewise, of video.
        most_minutes: likewise, of processor time that is spent, without the results that both releases share.
        policy: the gate's file; None: the one that ships.
        why: recorded with the rollout.

    Returns:
        Where it stands, as `rollout_status` gives it.

    Raises:
        BioposeError: another rollout is at work here, or a model version is missing.
        ReleaseError: nothing to compare, or another rollout is open.
        TrialsFailedError: something failed that neither the candidate nor an input caused; run it again.
    """
    settings = Settings.load(home)
    choice = Choice(method, models or {}, alias, name, policy)
    with in_background(settings.home, log=_log) as background:
        with background.turn():
            for line in complete_interrupted(settings):
                _log(line)
            current = _open(settings, choice) or _register(
                settings, choice, Budget(most_trials, most_frames, most_minutes), why=why
            )
        while _is_due(current):
            with background.turn():
                current = _advanced(settings, background)
        with background.turn():
            WarehouseWriter(settings.warehouse, settings.snapshot).publish()
            return rollout_status(settings)


def _is_due(current: Rollout) -> bool:
    """Whether there is a step that the flow takes."""
    return current.state in ("shadow", "compare") or (current.state == "gate" and not current.verdict)


def _advanced(settings: Settings, background: Background) -> Rollout:
    """The rollout after its next step, unless it was ended meanwhile."""
    current = _latest(settings)
    if current.state == "shadow":
        _shadow(settings, current, background)
    elif current.state == "compare":
        _compare(settings, current)
    elif _is_due(current):
        _gate(settings, current)
    return _latest(settings)


def _log(line: str) -> None:
    print(line)
    get_run_logger().info(line)


def _latest(settings: Settings) -> Rollout:
    with opened_for_writing(settings.warehouse) as connection:
        found = latest(connection)
    assert found is not None
    return found


def _open(settings: Settings, choice: Choice) -> Rollout | None:
    """The rollout that is open; it goes on as it was started."""
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    with opened_for_writing(settings.warehouse) as connection:
        found = latest(connection)
        if found is None or not found.is_open:
            return None
        name = release_of(connection, found.candidate_id).name
    if given := [f"--{_OPTIONS.get(field, field)}" for field, value in vars(choice).items() if value]:
        raise ReleaseError(
            f"rollout {found.number} of {name} is open, at {found.state}: two at once would each compare with what the "
            f"other may replace. Go on with it without {', '.join(given)}, or end it: `biopose rollout "
            f"{'finish' if found.state == 'watch' else 'abort'} --reason WHY`"
        )
    _log(f"  rollout {found.number} of {name} goes on at {found.state}")
    return found


def _register(settings: Settings, choice: Choice, budget: Budget, *, why: str) -> Rollout:
    _, text = read_policy(Path(choice.policy) if choice.policy else None)
    release_to_measure(settings)  # the first of an earlier home is recorded
    champion = _promoted(settings)
    candidate, golden = _candidate(settings, champion, choice), GoldenSet(settings)
    of_markers = _changes_markers(settings, champion, candidate)
    shared = _shared_with(champion, candidate, settings)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        candidate_id = admit_candidate(
            connection, candidate.method, [model.identity for model in candidate.models], name=choice.name
        )
        drawn = draw_sample(
            stored_trials(connection, champion.release_id, neurik=of_markers),
            budget,
            first=golden.trials,
            shared=lambda one: kept_stages(one, shared, settings),
        )
        golden.check(one.trial_id for one in drawn)
        if not drawn:
            raise ReleaseError(f"no stored trial shows the release {champion.name}: there is nothing to compare with")
        register(
            connection,
            champion_id=champion.release_id,
            candidate_id=candidate_id,
            policy=text,
            trials=[one.trial_id for one in drawn],
            who=user_name(),
            why=why or "started",
            most_minutes=budget.minutes,
        )
        recorded = release_of(connection, candidate_id)
    tag_versions(settings, recorded.versions, f"release.{recorded.name}", recorded.method)
    _log(f"  candidate    {recorded.name}: {_changes(champion, recorded)}")
    frames, of_golden = sum(one.frames for one in drawn), sum(one.trial_id in golden.trials for one in drawn)
    _log(f"  sample       {len(drawn)} trials, {frames} frames, {of_golden} of the golden set, of {champion.name}")
    for name in sorted(set(golden.trials) - {one.trial_id for one in drawn}):
        _log(f"  not sampled  {name} of the golden set: beyond the budget, or {champion.name} does not measure it")
    return _latest(settings)


def _promoted(settings: Settings) -> Release:
    with opened_for_writing(settings.warehouse) as connection:
        found = promoted_release(connection)
    if found is None:
        raise ReleaseError("no release is in use here yet; `biopose ingest INBOX` makes the first")
    return found


def _candidate(settings: Settings, champion: Release, choice: Choice) -> PinnedRelease:
    """The promoted release with what is changed."""
    method = choice.method or cast(MethodName, champion.method)
    stages = networks_of(method)
    if unused := sorted(set(choice.models) - set(stages)):
        raise ReleaseError(f"--model {unused[0]}: the method {method} has no such model; it has {', '.join(stages)}")
    aliased = aliased_versions(settings, choice.alias) if choice.alias else {}
    if choice.alias and not aliased:
        raise ReleaseError(f"no model version has the alias {choice.alias}; `biopose models` lists what there is")
    versions = aliased_versions(settings, CHAMPION) | champion.versions | aliased | dict(choice.models)
    if lacking := [stage for stage in stages if stage not in versions]:
        raise ReleaseError(
            f"no version of {lacking[0]} is named and none is champion; give --model {lacking[0]}=VERSION"
        )
    return PinnedRelease(method, pin_versions(settings, {stage: versions[stage] for stage in stages}), False)


def _changes_markers(settings: Settings, champion: Release, candidate: PinnedRelease) -> bool:
    """Whether recordings of markers are solved with another NeurIK."""
    now = PinnedRelease(cast(MethodName, champion.method), pinned(settings, champion))
    before, after = (neurik_of_markers(settings, release) for release in (now, candidate))
    return before.sha256 != after.sha256


def _shared_with(champion: Release, candidate: PinnedRelease, settings: Settings) -> set[str]:
    """The stages of a video that cost the candidate's shadow nothing."""
    theirs = cast(MethodName, champion.method), pinned(settings, champion)
    shared = shared_stages(theirs, (candidate.method, candidate.models))
    return shared if "decode" in shared else shared - {"locate"}  # the second pass takes a part of that


def _changes(champion: Release, candidate: Release) -> str:
    changed = [
        f"{stage} {champion.versions.get(stage, 'none')} -> {candidate.versions.get(stage, 'none')}"
        for stage in dict.fromkeys((*champion.versions, *candidate.versions))
        if champion.versions.get(stage) != candidate.versions.get(stage)
    ]
    method = [f"method {champion.method} -> {candidate.method}"] if champion.method != candidate.method else []
    return ", ".join([*method, *changed])


def _shadow(settings: Settings, current: Rollout, background: Background) -> None:
    """Measure what of the sample is not measured yet."""
    champion, candidate = _pinned(settings, current.champion_id), _pinned(settings, current.candidate_id)
    with opened_for_writing(settings.warehouse) as connection:
        todo = [one.trial_id for one in sample(connection, current.number) if one.outcome is None]
        options = run_options(connection, current.champion_id)
        before_s = shadow_cost(connection, current).processor_s or 0.0
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    shadow = plan_shadow(
        todo,
        settings,
        champion=champion,
        candidate=candidate,
        loaded=writer.loaded_runs(current.champion_id),
        options=options,
    )
    for stage, (there, total) in shadow.shared.items():
        _log(f"  {stage:<18} {there} of {total} results are there already and are not made again")
    run = IngestRun(settings, settings.inbox, candidate, log=_log)
    new = run.not_loaded(shadow.trials, writer.loaded_runs(current.candidate_id))

    def is_spent() -> bool:
        return current.most_minutes is not None and before_s + shadow.spent_s >= 60 * current.most_minutes

    def gives_way() -> bool:
        return background.gives_way() or is_spent()

    for same, trials in by_options(new, candidate.method).items():
        measure(trials, run, writer, release=candidate, options=same, gives_way=gives_way)
    too_late = [name for name, why in run.waiting.items() if why == str(GivesWayError()) and is_spent()]
    beyond = dict.fromkeys(too_late, f"the budget, {current.most_minutes or 0:g} min, was spent before it was measured")
    _note_outcomes(settings, current, run, shadow.left_out | beyond)


def _pinned(settings: Settings, release_id: str) -> PinnedRelease:
    with opened_for_writing(settings.warehouse) as connection:
        release = release_of(connection, release_id)
    return PinnedRelease(cast(MethodName, release.method), pinned(settings, release), is_promoted=False)


def _note_outcomes(settings: Settings, current: Rollout, run: IngestRun, left_out: Mapping[str, str]) -> None:
    """Record what became of each trial; where something is left to do, it is done when the flow is run again."""
    failed = run.unmeasured
    measured = [row["trial_id"] for row in run.stored] + run.known
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        for name in measured:
            note_outcome(connection, current.number, name, "measured")
        for name, message in failed.items():
            note_outcome(connection, current.number, name, "failed", message)
        for name, message in left_out.items():
            note_outcome(connection, current.number, name, "left out", message)
        left = [one.trial_id for one in sample(connection, current.number) if one.outcome is None]
        if not left:
            why = f"{len(measured)} measured, {len(failed)} failed, {len(left_out)} left out"
            move(connection, current.number, "compare", who=user_name(), why=why)
        elif run.gave_way:
            why = f"gives way to an ingest; {len(left)} trials are still to be measured"
            move(connection, current.number, "shadow", who=user_name(), why=why)
            _log(f"  {why}")
    for name, message in left_out.items():
        _log(f"  left out     {name}: {message}")
    if left and not run.gave_way:
        reasons = {n: str(e) for n, e in run.failed.items()} | run.unloaded | run.waiting
        raise TrialsFailedError(
            f"{len(left)} trials of the sample are not measured yet, the first {left[0]} "
            f"({reasons.get(left[0], 'interrupted')}); the rest is stored. Mend the cause and run it again"
        )


def _compare(settings: Settings, current: Rollout) -> None:
    """Compare the candidate's runs with the champion's."""
    with opened_for_writing(settings.warehouse) as connection:
        champion = release_of(connection, current.champion_id)
    of_markers = _changes_markers(settings, champion, _pinned(settings, current.candidate_id))
    golden = GoldenSet(settings)
    policy = Policy.read(current.policy, f"the policy of rollout {current.number}")
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        outcomes = sample(connection, current.number)
        measured = [one.trial_id for one in outcomes if one.outcome == "measured"]
        pairs = paired_runs(connection, measured, first=current.champion_id, second=current.candidate_id)
        there = stored_trials(connection, current.champion_id, neurik=of_markers)
        trials = [ComparedTrial.of(pair, settings, golden) for pair in pairs]
        comparison = compare(
            trials,
            policy,
            failed={one.trial_id: one.message or "" for one in outcomes if one.outcome == "failed"},
            look=1 + earlier_looks(connection, current),
            population=len({one.athlete for one in there}),
            unpaired=sorted({*measured} - {one.trial_id for one in trials}),
        )
        note_offsets(connection, current.number, offsets_of(trials, policy))
        note_compared(connection, current.number, json.dumps(comparison), who=user_name())


def _gate(settings: Settings, current: Rollout) -> None:
    """Record the gate's decision on what was compared."""
    decision = json.loads(current.comparison or "{}")["decision"]
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        decide(connection, current.number, verdict=decision["verdict"], who=user_name(), why=decision["reason"])
    write_page(settings)
