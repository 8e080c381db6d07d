"""Who must not be measured or shown: people who were erased, and people who have not consented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from biopose.io.consent import Consent
from biopose.io.manifest import MANIFEST, RefusedTrial
from tasks.consent_record import ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.plan import Discovered
from tasks.settings import Settings
from warehouse.connection import opened_for_reading
from warehouse.errors import WarehouseError
from warehouse.retire import Reassigned


def leave_out_erased(found: Discovered, erased: ErasedPeople) -> dict[str, int]:
    """Leave the trials and statements of people who were erased out of what was found.

    Args:
        found: changed in place.
        erased: the home's record.

    Returns:
        How many trials, by session; sessions without any are left out.
    """
    entries = [one for one in found.entries if erased.erased_at(one.athlete_id)]
    refused = [one for one in found.refused if erased.erased_at(one.athlete_id) or erased.has_trial(one.trial_id)]
    found.entries[:] = [one for one in found.entries if one not in entries]
    found.refused[:] = [one for one in found.refused if one not in refused]
    for name, one in found.sessions.items():
        if one.session is not None:
            for who in one.session.consent:
                erased.note_team(who)
            others = {who: consent for who, consent in one.session.consent.items() if not erased.erased_at(who)}
            found.sessions[name] = replace(one, session=replace(one.session, consent=others))
    names = [*(entry.trial_id for entry in entries), *(trial.trial_id for trial in refused)]
    left_out = Counter(name.rpartition("/")[0] for name in names)
    return dict(left_out)


def newest_statements(found: Discovered) -> dict[str, tuple[Consent, Path]]:
    """By team/athlete, what they agreed to by their newest statement, and its manifest; of one day, the narrower."""
    statements = [
        (consent.date, -len(consent.scope), athlete, one.manifest, consent)
        for one in found.sessions.values()
        if one.session
        for athlete, consent in one.session.consent.items()
    ]
    in_order = sorted(statements, key=lambda one: one[:-1])
    return {athlete: (consent, manifest) for _, _, athlete, manifest, consent in in_order}


def refuse_withdrawn(found: Discovered, record: ConsentRecord, *, there: Collection[str] = ()) -> set[str]:
    """Refuse all trials of those who have not consented by the newest statement that is known of them.

    Args:
        found: changed in place: their trials of earlier sessions are refused, too.
        record: of the home, which takes the statements over.
        there: sessions of the home whose manifests lie somewhere, such as in another inbox.

    Returns:
        Who has not, as team/athlete.
    """
    statements = newest_statements(found)
    unclear = [athlete for athlete in record.people if _is_unclear(athlete, found, statements, there)]
    record.update({athlete: consent for athlete, (consent, _) in statements.items()}, unclear=unclear)
    withdrawn = record.withdrawn
    kept = []
    for entry in found.entries:
        if (known := withdrawn.get(entry.athlete_id)) is not None:
            consent, manifest = statements[entry.athlete_id]
            by = f"the newer {manifest}" if not consent.is_given else f"a statement of {known.stated_on}"
            problem = f"has not consented by {by}; measured once one of a later date, or that one, says otherwise"
            line = entry.place.line("athlete", f"{entry.athlete.id} {problem}")
            found.refused.append(RefusedTrial(entry.trial_id, "consent", line, entry.athlete_id))
        else:
            kept.append(entry)
    found.entries[:] = kept
    return set(withdrawn)


def sessions_with(athletes: Collection[str], found: Discovered) -> set[str]:
    """The sessions whose manifests name one of some people, as team/athlete."""
    return {
        name
        for name, one in found.sessions.items()
        if one.session is not None and not one.session.consent.keys().isdisjoint(athletes)
    }


def former_name_lines(
    settings: Settings, found: Discovered, withdrawn: Collection[str], reassigned: Collection[Reassigned]
) -> list[str]:
    """What a withdrawal does not reach where somebody was renamed: it is of a name, and other trials have the former.

    Args:
        settings: of the home.
        found: in the inbox.
        withdrawn: who withdrew since the last ingest, as team/athlete.
        reassigned: trials of people who withdrew that were stored as others'.
    """
    lines = []
    for one in reassigned:
        more = f". {one.left} more of {one.before} are shown: if both are one person, `biopose erase {one.before}`"
        lines.append(
            f"{one.now} has not consented: {one.trials} trials that {MANIFEST} names as theirs were stored under "
            f"{one.before}; they are hidden, and erased with {one.now}{more if one.left else ''}"
        )
    names: set[str] = set()
    with suppress(WarehouseError), opened_for_reading(settings.snapshot) as connection:
        names.update(str(name) for (name,) in connection.execute("SELECT athlete_id FROM athlete").fetchall())
    named = {name for one in found.sessions.values() if one.session for name in one.session.consent}
    for athlete in sorted(set(withdrawn) - names):
        team = f"{athlete.partition('/')[0]}/"
        if unnamed := sorted(name for name in names - named if name.startswith(team)):
            lines.append(
                f"{athlete} has not consented, and nothing is stored under this name. If they were renamed, trials are "
                f"shown under the former name: no {MANIFEST} here names {', '.join(unnamed)}, who are stored; `biopose "
                f"erase {unnamed[0]}` removes one"
            )
    return lines


def _is_unclear(
    athlete: str, found: Discovered, statements: Mapping[str, tuple[Consent, Path]], there: Collection[str]
) -> bool:
    """Whether somebody may have said otherwise where nothing can be read, or was not looked at now."""
    team = f"{athlete.partition('/')[0]}/"
    sessions = [one.session for one in found.sessions.values() if one.session]
    in_error = (one for one in sessions for trial in one.refused if trial.athlete_id == athlete)
    withdraws = athlete in statements and not statements[athlete][0].is_given
    return (
        any(name.startswith(team) for name in found.unreadable)
        or any(athlete not in one.consent for one in in_error)
        or (not withdraws and any(one.startswith(team) and one not in found.sessions for one in there))
    )
