"""Pages that were rendered, so that a squad that looks at the same ones asks each once.

A page is kept over a new snapshot that holds nothing new of the teams that it shows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from warehouse.content import team_activities, team_contents
from warehouse.open_snapshot import OpenSnapshot, Version
from warehouse.team_rows import Teams

MOST_PAGES = 256


@dataclass(frozen=True)
class State:
    """Of the newest snapshot.

    Attributes:
        version: of it.
        contents: by team, a hash of its trials, as `team_contents` has it.
        activities: by team, those of its trials.
    """

    version: Version
    contents: dict[str, int]
    activities: dict[str, frozenset[str]]

    def of(self, teams: Teams) -> Hashable:
        """A value that is another one whenever a page of teams may show something else; None: of all teams."""
        shown = self.contents if teams is None else {team: self.contents.get(team) for team in teams}
        return tuple(sorted(shown.items()))

    def choices(self, teams: Teams) -> Hashable:
        """The names of those teams that have trials, and their activities: what a form offers who reads the teams."""
        offered = {name: of for name, of in self.activities.items() if teams is None or name in teams}
        return frozenset(offered), frozenset().union(*offered.values())


DependsOn = Callable[[State], Hashable]


@dataclass(frozen=True)
class _Page:
    html: str
    version: Version
    depends_on: DependsOn
    state: Hashable


class PageCache:
    """The pages that were asked for last; each is dropped once what it depends on has changed.

    Args:
        snapshot: from which they are read.
    """

    def __init__(self, snapshot: OpenSnapshot) -> None:
        self._snapshot = snapshot
        self._pages: OrderedDict[Hashable, _Page] = OrderedDict()
        self._state: State | None = None
        self._lock, self._one_reads = threading.Lock(), threading.Lock()

    def get(
        self, address: Hashable, depends_on: DependsOn, render: Callable[[], tuple[str, Version]]
    ) -> tuple[str, Version, Version]:
        """A page, the version that it was rendered from, and a later one as of which it is the same.

        Args:
            address: path, parameters, and whose rows it shows.
            depends_on: of a state, what the page depends on.
            render: makes the page, if it is not there, and names the version that it was made of: a page of an older
                one, which may hold people who were erased since, is not kept.
        """
        state = self._newest_state()
        if state is None:  # others read the old snapshot for long
            html, read = render()
            return html, read, read
        with self._lock:
            if (found := self._pages.get(address)) is not None:
                self._pages.move_to_end(address)
                return found.html, found.version, state.version
        html, read = render()
        with self._lock:
            if read == state.version and self._state is state:
                self._pages[address] = _Page(html, read, depends_on, depends_on(state))
                while len(self._pages) > MOST_PAGES:
                    self._pages.popitem(last=False)
        return html, read, read

    def _newest_state(self) -> State | None:
        """None where the newest snapshot cannot be opened yet; pages that it makes outdated are dropped."""
        with self._one_reads:
            newest = self._snapshot.newest()
            if self._state is not None and self._state.version == newest:
                return self._state
            found, version = self._snapshot.answer(lambda read: (team_contents(read), team_activities(read)))
            if version != newest:
                return None
            state = State(version, *found)
            with self._lock:
                self._state = state
                current = ((at, page) for at, page in self._pages.items() if page.depends_on(state) == page.state)
                self._pages = OrderedDict(current)
            return state
