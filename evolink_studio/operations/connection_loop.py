"""The loop of the web server: a turn costs what happens in it, not how many connections are open.

waitress' own loop asks every connection in every turn what it waits for. Here a connection is asked
again only after something happened to it.
"""

import heapq
import select
import selectors
from collections import deque
from typing import Any

from waitress import wasyncore

_EVENTS_BY_FLAGS = {
    selectors.EVENT_READ: select.POLLIN,
    selectors.EVENT_WRITE: select.POLLOUT,
    selectors.EVENT_READ | selectors.EVENT_WRITE: select.POLLIN | select.POLLOUT,
}


class ConnectionLoop(dict[int, Any]):
    """All that is open, by file number: connections, listening sockets, and what wakes the loop.

    waitress adds and removes them as in any dictionary. `is_connection` of an object tells the many
    connections from the few others, which are asked in each turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = selectors.DefaultSelector()
        self._others: dict[int, Any] = {}
        self._touched: deque[Any] = deque()

    def __setitem__(self, number: int, opened: Any) -> None:
        super().__setitem__(number, opened)
        if getattr(opened, "is_connection", False):
            self.touch(opened)
        else:
            self._others[number] = opened

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        self._others.pop(number, None)
        if number in self._selector.get_map():
            self._selector.unregister(number)

    def touch(self, opened: Any) -> None:
        """Ask a connection in the next turn what it waits for. From any thread."""
        self._touched.append(opened)

    def turn(self, seconds: float) -> None:
        """Wait for something to happen, at most so long, and let those react to whom it did."""
        for opened in list(self._others.values()):
            self._update(opened)
        while self._touched:
            self._update(self._touched.popleft())
        for key, events in self._selector.select(seconds):
            opened = key.data
            # Not closed by what happened to another one, whose number may be taken again already.
            if self.get(key.fd) is opened:
                self.touch(opened)
                wasyncore.readwrite(opened, _EVENTS_BY_FLAGS[events])

    def close(self) -> None:
        """Close everything."""
        wasyncore.close_all(self)
        self._selector.close()

    def _update(self, opened: Any) -> None:
        number: int = opened._fileno
        if number not in self or self[number] is not opened:
            return  # closed
        events = selectors.EVENT_READ if opened.readable() else 0
        if opened.writable() and not opened.accepting:
            events |= selectors.EVENT_WRITE
        key = self._selector.get_map().get(number)
        if key is None and events:
            self._selector.register(number, events, opened)
        elif key is not None and not events:
            self._selector.unregister(number)
        elif key is not None and key.events != events:
            self._selector.modify(number, events, opened)


class DeadlineQueue:
    """When to look at which connection: the earliest first. Each has one moment that counts.

    It holds numbers and not connections, so that a closed one is not kept.
    """

    def __init__(self) -> None:
        self._queue: list[tuple[float, int]] = []
        self._moment_by_id: dict[int, float] = {}

    def schedule(self, connection_id: int, moment: float) -> None:
        """Look at it then, unless that is done earlier anyway."""
        if moment < self._moment_by_id.get(connection_id, float("inf")):
            self._moment_by_id[connection_id] = moment
            heapq.heappush(self._queue, (moment, connection_id))

    def forget(self, connection_id: int) -> None:
        self._moment_by_id.pop(connection_id, None)

    def pop_due(self, now: float) -> list[int]:
        """Those to look at now. Who is not closed then is to be scheduled again."""
        due_ids = []
        while self._queue and self._queue[0][0] < now:
            moment, connection_id = heapq.heappop(self._queue)
            if self._moment_by_id.get(connection_id) == moment:
                del self._moment_by_id[connection_id]
                due_ids.append(connection_id)
        return due_ids

    @property
    def next_moment(self) -> float:
        """When to look next; infinity without any. It may be too early."""
        return self._queue[0][0] if self._queue else float("inf")
