"""The press of the button over HTTP, one after the other, with a list full of earlier ones.

Each says which cards the page has by then, as its hidden inputs do.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.figures import Figure, percentile_figures
from bench.generation_rows import MODEL_ID, PROMPT
from bench.http_client import build_request, fetch_body, open_connections
from bench.instances import InstanceFactory
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation

BOUNDARY = "bench-boundary"
WARM_UP_COUNT = 15  # fills the list
SINCE_PATTERN = re.compile(r'name="_since" value="([^"]*)"')
LISTED_CARD_PATTERN = re.compile(r'name="_rail" value="(\d+)"')
REMOVED_CARD_PATTERN = re.compile(r'id="card-(\d+)" hx-swap-oob="delete"')


@dataclass
class PageInputs:
    """What the page would say of itself."""

    since: str | None = None
    listed_ids: list[str] = field(default_factory=list)

    def update_from(self, answer: str) -> None:
        rendered_ids, removed_ids = (
            LISTED_CARD_PATTERN.findall(answer),
            set(REMOVED_CARD_PATTERN.findall(answer)),
        )
        if 'id="workspace"' in answer:
            self.listed_ids = rendered_ids
        else:
            new_ids = [pk for pk in rendered_ids if pk not in self.listed_ids]
            self.listed_ids = [pk for pk in new_ids + self.listed_ids if pk not in removed_ids]
        (self.since,) = SINCE_PATTERN.findall(answer)

    @property
    def fields(self) -> list[tuple[str, str]]:
        if self.since is None:
            return []
        return [("_since", self.since), *(("_rail", pk) for pk in self.listed_ids)]


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance:
        with instance.use_database():
            (user,) = create_signed_in_users(1)
        with instance.run_fake_provider(), instance.run_web() as server:
            durations = asyncio.run(
                _submit_forms(instance.port, user, WARM_UP_COUNT + size.submit_count)
            )[WARM_UP_COUNT:]
            cpu_seconds = server.cpu_seconds()
            asyncio.run(_submit_forms(instance.port, user, size.submit_count))
            cpu_seconds = server.cpu_seconds() - cpu_seconds
            paid_count = int(fetch_body(instance.port + 1, "/bench/paid"))
        with instance.use_database():
            stored_count = Generation.objects.count()
    if stored_count != WARM_UP_COUNT + 2 * size.submit_count:
        raise RuntimeError(f"{stored_count} generations were stored")
    yield from percentile_figures("submit", [seconds * 1000 for seconds in durations], "ms", p95=30)
    yield Figure("  server CPU of a submit", cpu_seconds / size.submit_count * 1000, "ms")
    yield Figure("submit, calls to the far end", paid_count, at_most=0)


async def _submit_forms(port: int, user: SignedInUser, times: int) -> list[float]:
    """Seconds from the first byte sent to the last one received."""
    durations, inputs = [], PageInputs()
    async with open_connections(port) as (connection,):
        for _ in range(times):
            request = build_submit_request(user, inputs)
            begin = time.perf_counter()
            answer = await connection.send(request, 200)
            durations.append(time.perf_counter() - begin)
            inputs.update_from(answer.body.decode())
    return durations


def build_submit_request(user: SignedInUser, inputs: PageInputs) -> bytes:
    fields = {
        "form_key": str(uuid.uuid4()),
        "from_model": MODEL_ID,
        "prompt": PROMPT,
        "duration": "5",
        "quality": "480p",
        "aspect_ratio": "16:9",
    }
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in [*fields.items(), *inputs.fields]
    )
    body = f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
    headers = {**user.headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return build_request(f"/create/{MODEL_ID}/", headers, method="POST", body=body)
