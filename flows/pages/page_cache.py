"""Pages that were rendered from the newest snapshot, so that a squad that looks at the same ones asks each once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_PAGES = 64


class PageCache:
    """The pages that were asked for last; a new snapshot empties it."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Hashable, str] = OrderedDict()
        self._version: Hashable = None
        self._lock = threading.Lock()

    def get(self, address: Hashable, newest: Hashable, render: Callable[[], tuple[str, Hashable]]) -> str:
        """A page.

        Args:
            address: path, parameters, and whose rows it shows.
            newest: version of the snapshot.
            render: makes the page, if it is not there, and names the version that it was made of: a page of an older
                one, which may hold people who were erased since, is not kept.
        """
        with self._lock:
            if newest != self._version:
                self._pages.clear()
                self._version = newest
            if address in self._pages:
                self._pages.move_to_end(address)
                return self._pages[address]
        page, read = render()
        with self._lock:
            if read == self._version:
                self._pages[address] = page
                while len(self._pages) > MOST_PAGES:
                    self._pages.popitem(last=False)
        return page
