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
    left_out = Counter(
        entry.session_id for entry in found.entries if erased.erased_at(f"{entry.team_id}/{entry.athlete.id}")
    )
    left_out.update(trial.trial_id.rpartition("/")[0] for trial in found.refused if erased.has_trial(trial.trial_id))
    found.entries[:] = [e for e in found.entries if not erased.erased_at(f"{e.team_id}/{e.athlete.id}")]
    found.refused[:] = [trial for trial in found.refused if not erased.has_trial(trial.trial_id)]
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
        athlete_id = f"{entry.team_id}/{entry.athlete.id}"
        if athlete_id in withdrawn:
            problem = f"has not consented by the newer {withdrawn[athlete_id]}; measured once that says so again"
            line = entry.place.line("athlete", f"{entry.athlete.id} {problem}")
            found.refused.append(RefusedTrial(entry.trial_id, "consent", line))
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
