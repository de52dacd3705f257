"""Watches a Streamlit page as its own script does: over a web socket, with a rerun every 2 s."""

import asyncio
import urllib.parse

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from watched_time import INTERVAL_SECONDS, WatchedPage, run_watchers  # beside this file
from websockets.asyncio.client import connect


async def watch(base_url: str, watched_page: WatchedPage) -> None:
    address = f"ws://{urllib.parse.urlsplit(base_url).netloc}/_stcore/stream"
    rerun = BackMsg()
    rerun.rerun_script.query_string = ""
    request = rerun.SerializeToString()
    # 200 pages at once keep the server busy: they wait until they are let in.
    page = connect(address, subprotocols=["streamlit"], proxy=None, open_timeout=None)
    async with page as socket:

        async def ask_again() -> None:
            while True:
                await socket.send(request)
                await asyncio.sleep(INTERVAL_SECONDS)

        asking = asyncio.create_task(ask_again())
        try:
            async for content in socket:
                message = ForwardMsg()
                message.ParseFromString(content)
                if message.WhichOneof("type") == "script_finished":
                    watched_page.count_update()
        finally:
            asking.cancel()


if __name__ == "__main__":
    asyncio.run(run_watchers({"timer": watch}))
