"""How far a prompt goes: the files it passes through between the press and the wire."""

import dataclasses
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx
import pytest
from pydantic import BaseModel

import evolink_studio
from evolink_studio.generations.models import Generation
from tests.factories import VEO, UserFactory
from tests.fake_provider import FakeProvider
from tests.generations.form_client import post_form
from tests.manual_worker import FakeClock, ManualWorker

ROOT = f"{Path(evolink_studio.__file__).parent}/"
MAX_FILES = 13
# In the order in which they first hold it.
PROMPT_PATH = [
    "generations/views/create.py",
    "generations/forms/parsing.py",
    "catalog/spec.py",
    "catalog/parsing.py",
    "catalog/validation.py",
    "catalog/rules.py",
    "generations/presenters/quotes.py",
    "generations/params.py",
    "generations/services.py",
    "generations/pipeline/dispatch.py",
    "catalog/serialization.py",
    "evolink/client.py",
    "evolink/transport.py",
]
PROMPT = "A heron lands on a frozen pond"
MAX_DEPTH = 4


def holds_prompt(value: object, depth: int = MAX_DEPTH) -> bool:
    """Whether the prompt is in this value, or in what is in it.

    A row and the request of a page do not count: most that pass them on never look into them.
    """
    if isinstance(value, str):
        return PROMPT in value
    if isinstance(value, bytes):
        return PROMPT.encode() in value
    return depth > 0 and any(holds_prompt(part, depth - 1) for part in parts_of(value))


def parts_of(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, httpx.Request):
        return [value.content]
    if isinstance(value, BaseModel):
        return vars(value).values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return []


class PromptTracer:
    """A profile function that notes every file of the studio in which a call holds the prompt."""

    def __init__(self) -> None:
        self._calls: dict[FrameType, int] = {}  # each call by its number
        self._first_calls: dict[str, int] = {}  # by file

    def __call__(self, frame: FrameType, event: str, _arg: object) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(ROOT):
            return
        number = self._calls.setdefault(frame, len(self._calls))
        is_news = event == "return" and number < self._first_calls.get(file, sys.maxsize)
        if is_news and any(map(holds_prompt, frame.f_locals.values())):
            self._first_calls[file] = number

    @property
    def files(self) -> list[str]:
        """In the order of their first calls that hold it."""
        files = sorted(self._first_calls, key=self._first_calls.__getitem__)
        return [file.removeprefix(ROOT) for file in files]

    @contextmanager
    def watch(self) -> Iterator[None]:
        """In this thread, and in those that begin meanwhile."""
        previous = sys.getprofile()
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(previous)
            threading.setprofile(None)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_prompt_passes_few_files_from_the_press_to_the_wire(client):
    client.force_login(UserFactory())
    tracer = PromptTracer()
    with FakeProvider() as fake_provider:
        with tracer.watch():
            assert post_form(client, VEO, {"prompt": PROMPT}).status_code == 302
        clock = FakeClock(Generation.objects.get().created_at)
        with tracer.watch():
            ManualWorker(fake_provider.url, clock).dispatch_due()
        (request,) = fake_provider.create.requests
    assert request.json["prompt"] == PROMPT
    assert tracer.files == PROMPT_PATH
    assert len(PROMPT_PATH) <= MAX_FILES
