"""A page that follows its generations, and the worker that moves them."""

import uuid

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition, update_in_state
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.pressing import HTMX
from tests.page import Page


def running(ada, **fields) -> Generation:
    generation = GenerationFactory(owner=ada, **fields)
    transition(generation, State.SENDING, now=NOW)
    transition(generation, State.RUNNING, now=NOW, task_id=f"task-{generation.pk}")
    return generation


def progress(generation: Generation, percent: int) -> None:
    """As the worker writes down an answer of EvoLink."""
    held = uuid.uuid4()
    Generation.objects.filter(pk=generation.pk).update(lease_id=held)
    generation.refresh_from_db()
    assert update_in_state(generation, lease_id=held, is_visible=True, progress=percent)


def poller(page: Page) -> str | None:
    """Where the page asks next; None when it does not ask."""
    return page.one("*[@id='poller']").get("hx-get")


def poll(tab, address, bars=()):
    """What the page asks: with the bars that stand on it, as its poller includes them."""
    return tab.get(address + "".join(f"&bar={pk}" for pk in bars), headers=HTMX)


def bars(page: Page) -> list[int]:
    """The steady bars of a page, which its poller names."""
    return [int(element.get("value")) for element in page.named("bar")]


def opened(tab, query="") -> Page:
    return Page(tab.get(f"/create/{VEO}/{query}"))
