"""Watches a Gradio page as its own script does: it joins the queue and reads the event stream."""

import asyncio
import secrets

import httpx
from watched_time import INTERVAL_SECONDS, WatchedPage, run_watchers  # beside this file

PARAMETERS = ["A paper boat", 5, "480p", "16:9"]
BUTTON, TIMER = 0, 1  # the handlers, in the order of the page
NEWS_MARKS = {BUTTON: '"process_generating"', TIMER: '"process_completed"'}


async def watch_stream(base_url: str, watched_page: WatchedPage) -> None:
    async with _open_client(base_url) as client:
        await _run_handler(client, BUTTON, PARAMETERS, watched_page)


async def watch_by_timer(base_url: str, watched_page: WatchedPage) -> None:
    loop = asyncio.get_running_loop()
    tick = loop.time()
    async with _open_client(base_url) as client:
        while True:
            await _run_handler(client, TIMER, [], watched_page)
            tick += INTERVAL_SECONDS
            await asyncio.sleep(max(0.0, tick - loop.time()))


def _open_client(base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base_url, timeout=None, trust_env=False)


async def _run_handler(
    client: httpx.AsyncClient, handler: int, values: list[object], watched_page: WatchedPage
) -> None:
    """Join the queue, and read the stream until it ends."""
    session = secrets.token_hex(6)
    job = {"data": values, "fn_index": handler, "session_hash": session}
    (await client.post("/gradio_api/queue/join", json=job)).raise_for_status()
    stream = client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session})
    async with stream as events:
        async for line in events.aiter_lines():
            if NEWS_MARKS[handler] in line:
                watched_page.count_update()
            if '"close_stream"' in line:
                return


if __name__ == "__main__":
    asyncio.run(run_watchers({"stream": watch_stream, "timer": watch_by_timer}))
