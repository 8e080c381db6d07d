"""Who may be shown in overlays and reports: nobody who has not agreed to it, neither as subject nor as bystander.

Of a team with somebody who has not agreed to pictures, every overlay shows all but the measured person blurred: who
walks through a video is not known. Overlays of earlier nights, which are not blurred, are removed in the sessions whose
manifests name that person, or in which they were measured.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from biopose.outputs.file_names import OVERLAY, PICTURES
from tasks.consent_record import ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.settings import Settings
from warehouse.connection import opened_for_reading
from warehouse.errors import WarehouseError


@dataclass(frozen=True)
class Pictures:
    """How a home's overlays are drawn.

    Attributes:
        without: who is not drawn, as team/athlete.
        erased: who was; None: nobody.
        is_all_blurred: whether all but the measured person is blurred, whatever anybody agreed to.
    """

    without: frozenset[str] = frozenset()
    erased: ErasedPeople | None = None
    is_all_blurred: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Pictures:
        """As consent and settings say.

        Raises:
            BioposeError: a record of consent or erasures cannot be read.
        """
        without = ConsentRecord(settings.home).without_pictures
        return cls(without, ErasedPeople(settings.home), settings.blur_bystanders)

    def is_drawn(self, athlete_id: str) -> bool:
        """Whether there is an overlay of somebody, as team/athlete."""
        return athlete_id not in self.without

    def is_blurred(self, athlete_id: str) -> bool:
        """Whether all but them is blurred in it."""
        team = athlete_id.partition("/")[0]
        of_team = any(one.startswith(f"{team}/") for one in self.without)
        return self.is_all_blurred or of_team or (self.erased is not None and self.erased.is_of_team(team))


@dataclass(frozen=True)
class RemovedPictures:
    """How many files were removed: of those who have not agreed, and of others that may show them."""

    own: int
    others: int


def remove_pictures(
    settings: Settings, athletes: Collection[str], *, trials: Mapping[str, str], sessions: Collection[str] = ()
) -> RemovedPictures:
    """Remove overlays and reports that show, or may show, somebody who has not agreed to pictures.

    Args:
        settings: of the home.
        athletes: ids team/athlete.
        trials: by id, whose trials the inbox names.
        sessions: whose manifests name one of these people, or somebody who was erased.
    """
    if not (athletes or sessions):
        return RemovedPictures(0, 0)
    theirs = {trial for trial, athlete in trials.items() if athlete in athletes}
    with suppress(WarehouseError), opened_for_reading(settings.snapshot) as connection:
        sql = "SELECT trial_id FROM trial_manifest WHERE athlete_id = ANY(?)"
        theirs.update(str(trial) for (trial,) in connection.execute(sql, [list(athletes)]).fetchall())
    folder = settings.artifacts / "trials"
    own = _removed(_pictures(folder / trial for trial in theirs))
    filmed = {*sessions, *(trial.rpartition("/")[0] for trial in theirs)}
    others = (trial for session in filmed for trial in (folder / session).glob("*") if trial.is_dir())
    return RemovedPictures(own, _removed(path for path in _pictures(others) if not _shows_no_bystander(path.parent)))


def _pictures(trials: Iterable[Path]) -> Iterator[Path]:
    """The files of trials that show who is in the video; a report without an overlay has no image of it."""
    for trial in trials:
        for name in PICTURES:
            yield from (path for path in trial.glob(f"*/{name}") if path.with_name(OVERLAY).exists())


def _removed(pictures: Iterable[Path]) -> int:
    """Remove files; how many."""
    files = sorted(pictures, key=lambda path: path.name == OVERLAY)  # it goes last: a run that is killed is repeated
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def _shows_no_bystander(folder: Path) -> bool:
    """Whether the overlay of a run says that all but the measured person is blurred."""
    from biopose.rendering.bystanders import BLURRED
    from biopose.video.encoding import has_comment

    return has_comment(folder / OVERLAY, BLURRED)
