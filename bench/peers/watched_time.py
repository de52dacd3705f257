"""Runs many watchers of a page, and tells when the time that counts begins and ends."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

INTERVAL_SECONDS = 2.0  # between two questions of a page that asks
# Pages that are opened at once; the next ones wait until these have shown something. More would not
# all be let in by a server that is busy with them.
BATCH_SIZE = 20
OPENING_TIMEOUT_SECONDS = 120.0  # of a batch


@dataclass
class WatchedTime:
    """What all watchers saw while it counted."""

    is_counting: bool = False
    update_count: int = 0


@dataclass
class WatchedPage:
    """What one watcher sees. `is_open` is set by the first update."""

    watched_time: WatchedTime
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def count_update(self) -> None:
        self.is_open.set()
        self.watched_time.update_count += self.watched_time.is_counting


Watch = Callable[[str, WatchedPage], Awaitable[None]]


async def run_watchers(ways: Mapping[str, Watch]) -> None:
    """Watch in one of these ways. Prints `begin` and `end` as JSON lines, with the updates.

    Raises what ended a watcher, and TimeoutError when a page shows nothing.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--way", choices=ways, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--settling", type=float, required=True, help="seconds")
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    watch, watched_time = ways[arguments.way], WatchedTime()
    watchers: list[asyncio.Future[None]] = []
    while len(watchers) < arguments.count:
        batch_size = min(BATCH_SIZE, arguments.count - len(watchers))
        pages = [WatchedPage(watched_time) for _ in range(batch_size)]
        watchers += [asyncio.ensure_future(watch(arguments.url, page)) for page in pages]
        await _wait_until_open(pages, watchers)
    await asyncio.sleep(arguments.settling)
    _say("begin", watched_time)
    watched_time.is_counting = True
    await asyncio.sleep(arguments.seconds)
    _say("end", watched_time)
    _raise_what_ended(watchers)
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


async def _wait_until_open(
    pages: list[WatchedPage], watchers: list["asyncio.Future[None]"]
) -> None:
    try:
        async with asyncio.timeout(OPENING_TIMEOUT_SECONDS):
            await asyncio.gather(*(page.is_open.wait() for page in pages))
    except TimeoutError:
        _raise_what_ended(watchers)
        raise


def _raise_what_ended(watchers: list["asyncio.Future[None]"]) -> None:
    for watcher in watchers:
        if watcher.done():
            watcher.result()


def _say(moment: str, watched_time: WatchedTime) -> None:
    print(json.dumps({"moment": moment, "updates": watched_time.update_count}), flush=True)
