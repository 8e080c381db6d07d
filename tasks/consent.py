"""Who must not be measured: people who were erased, and people who have not consented."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from biopose.io.manifest import RefusedTrial
from tasks.erased_people import ErasedPeople
from tasks.plan import Discovered


def leave_out_erased(found: Discovered, erased: ErasedPeople) -> dict[str, int]:
    """Leave the trials of people who were erased out of what was found.

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
    names = [*(entry.trial_id for entry in entries), *(trial.trial_id for trial in refused)]
    left_out = Counter(name.rpartition("/")[0] for name in names)
    return dict(left_out)


def refuse_withdrawn(found: Discovered) -> dict[str, Path]:
    """Refuse all trials of those who have not consented by the newest manifest that names them.

    Args:
        found: changed in place: their trials of earlier sessions are refused, too.

    Returns:
        By team/athlete, that manifest.
    """
    withdrawn = {athlete: manifest for athlete, (manifest, consents) in _newest(found).items() if not consents}
    kept = []
    for entry in found.entries:
        if entry.athlete_id in withdrawn:
            problem = f"has not consented by the newer {withdrawn[entry.athlete_id]}; measured once that says so again"
            line = entry.place.line("athlete", f"{entry.athlete.id} {problem}")
            found.refused.append(RefusedTrial(entry.trial_id, "consent", line, entry.athlete_id))
        else:
            kept.append(entry)
    found.entries[:] = kept
    return withdrawn


def _newest(found: Discovered) -> dict[str, tuple[Path, bool]]:
    """By athlete, the newest manifest that names them and whether they consent there; of one day, false counts."""
    sessions = [(one.session, one.manifest) for one in found.sessions.values() if one.session]
    statements = [
        (session.date, not consents, athlete, manifest)
        for session, manifest in sessions
        for athlete, consents in session.consent.items()
    ]
    return {athlete: (manifest, not refuses) for _, refuses, athlete, manifest in sorted(statements)}
