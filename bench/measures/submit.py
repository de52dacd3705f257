"""The press of the button over HTTP, one after the other, with the rail full of earlier ones."""

import asyncio
import time
import uuid
from collections.abc import Iterator

from bench.figures import Figure, spread
from bench.grounds import Grounds
from bench.people import Person, people
from bench.rows import MODEL, PROMPT
from bench.sizes import Size
from bench.wire import fetch, lines, question
from evolink_studio.generations.models import Generation

BOUNDARY = "bench-boundary"
WARM = 15  # fills the rail


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world:
        with world.database():
            (person,) = people(1)
        with world.far_end(), world.web() as server:
            took = asyncio.run(_press(world.port, person, WARM + size.submits))[WARM:]
            busy = server.seconds()
            asyncio.run(_press(world.port, person, size.submits))
            busy = server.seconds() - busy
            paid = int(fetch(world.port + 1, "/bench/paid"))
        with world.database():
            stored = Generation.objects.count()
    if stored != WARM + 2 * size.submits:
        raise RuntimeError(f"{stored} generations were stored")
    yield from spread("submit", [seconds * 1000 for seconds in took], "ms", p95=30)
    yield Figure("  server CPU of a submit", busy / size.submits * 1000, "ms")
    yield Figure("submit, calls to the far end", paid, most=0)


async def _press(port: int, person: Person, times: int) -> list[float]:
    """Seconds from the first byte sent to the last one received."""
    took = []
    async with lines(port) as (line,):
        for _ in range(times):
            asked = _form(person)
            begin = time.perf_counter()
            await line.ask(asked, 200)
            took.append(time.perf_counter() - begin)
    return took


def _form(person: Person) -> bytes:
    fields = {
        "form_key": str(uuid.uuid4()),
        "from_model": MODEL,
        "prompt": PROMPT,
        "duration": "5",
        "quality": "480p",
        "aspect_ratio": "16:9",
    }
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body = f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
    headers = {**person.headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return question(f"/create/{MODEL}/", headers, method="POST", body=body)
