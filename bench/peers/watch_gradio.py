"""Watches a Gradio page as its own script does: it joins the queue and reads the event stream."""

import asyncio
import secrets

import httpx
from watched_time import WatchedTime, run_watchers  # beside this file

PARAMETERS = ["A paper boat", 5, "480p", "16:9"]
NEWS_MARK = '"process_generating"'


async def watch(base_url: str, watched_time: WatchedTime) -> None:
    session = secrets.token_hex(6)
    job = {"data": PARAMETERS, "fn_index": 0, "session_hash": session}
    async with httpx.AsyncClient(base_url=base_url, timeout=None, trust_env=False) as client:
        joined = await client.post("/gradio_api/queue/join", json=job)
        joined.raise_for_status()
        stream = client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session})
        async with stream as events:
            async for line in events.aiter_lines():
                if NEWS_MARK in line:
                    watched_time.count_update()


if __name__ == "__main__":
    asyncio.run(run_watchers(watch))
