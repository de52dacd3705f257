"""Runs many watchers of a page, and tells when the time that counts begins and ends."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

INTERVAL_SECONDS = 2.0  # between two questions of a page that asks
OPENING_SECONDS = 4.0  # within these the pages are opened, one after the other


@dataclass
class WatchedTime:
    """Counts what watchers saw while it counts."""

    is_counting: bool = False
    update_count: int = 0

    def count_update(self) -> None:
        self.update_count += self.is_counting


Watch = Callable[[str, WatchedTime], Awaitable[None]]


async def run_watchers(ways: Mapping[str, Watch]) -> None:
    """Watch in one of these ways. Prints `begin` and `end` as JSON lines, with the updates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--way", choices=ways, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--settling", type=float, required=True, help="seconds")
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    watch, watched_time = ways[arguments.way], WatchedTime()
    watchers = []
    for _ in range(arguments.count):
        watchers.append(asyncio.create_task(watch(arguments.url, watched_time)))
        await asyncio.sleep(OPENING_SECONDS / arguments.count)
    await asyncio.sleep(arguments.settling)
    _say("begin", watched_time)
    watched_time.is_counting = True
    await asyncio.sleep(arguments.seconds)
    _say("end", watched_time)
    for watcher in watchers:
        if watcher.done():
            watcher.result()  # raises what ended it
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


def _say(moment: str, watched_time: WatchedTime) -> None:
    print(json.dumps({"moment": moment, "updates": watched_time.update_count}), flush=True)
