"""The press of the button over HTTP, one after the other, with the rail full of earlier ones.

Each tells how the page is laid by then, as its hidden inputs do.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.figures import Figure, spread
from bench.grounds import Grounds
from bench.people import Person, people
from bench.rows import MODEL, PROMPT
from bench.sizes import Size
from bench.wire import fetch, lines, question
from evolink_studio.generations.models import Generation

BOUNDARY = "bench-boundary"
WARM = 15  # fills the rail
SINCE = re.compile(r'name="_since" value="([^"]*)"')
RAIL = re.compile(r'name="_rail" value="(\d+)"')
GONE = re.compile(r'id="card-(\d+)" hx-swap-oob="delete"')


@dataclass
class Laid:
    """What the page would say of itself."""

    since: str | None = None
    rail: list[str] = field(default_factory=list)

    def take(self, answer: str) -> None:
        drawn, gone = RAIL.findall(answer), set(GONE.findall(answer))
        if 'id="desk"' in answer:
            self.rail = drawn
        else:
            new = [pk for pk in drawn if pk not in self.rail]
            self.rail = [pk for pk in new + self.rail if pk not in gone]
        (self.since,) = SINCE.findall(answer)

    @property
    def fields(self) -> list[tuple[str, str]]:
        if self.since is None:
            return []
        return [("_since", self.since), *(("_rail", pk) for pk in self.rail)]


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
    took, laid = [], Laid()
    async with lines(port) as (line,):
        for _ in range(times):
            asked = _form(person, laid)
            begin = time.perf_counter()
            answer = await line.ask(asked, 200)
            took.append(time.perf_counter() - begin)
            laid.take(answer.body.decode())
    return took


def _form(person: Person, laid: Laid) -> bytes:
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
        for name, value in [*fields.items(), *laid.fields]
    )
    body = f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
    headers = {**person.headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return question(f"/create/{MODEL}/", headers, method="POST", body=body)
