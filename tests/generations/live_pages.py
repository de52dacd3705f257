"""A page that follows its generations, and the worker that moves them."""

import uuid

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition, update_in_state
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS


def create_running_generation(ada, **fields) -> Generation:
    generation = GenerationFactory(owner=ada, **fields)
    transition(generation, State.SENDING, now=NOW)
    transition(generation, State.RUNNING, now=NOW, task_id=f"task-{generation.pk}")
    return generation


def record_progress(generation: Generation, percent: int) -> None:
    """As the worker writes down an answer of EvoLink."""
    lease_id = uuid.uuid4()
    Generation.objects.filter(pk=generation.pk).update(lease_id=lease_id)
    generation.refresh_from_db()
    assert update_in_state(generation, lease_id=lease_id, is_visible=True, progress=percent)


def poller_url(page: ParsedPage) -> str | None:
    """Where the page asks next; None when it does not ask."""
    return page.find_one("*[@id='poller']").get("hx-get")


def poll_page(client, url, bar_ids=()):
    """What the page asks: with the bars that stand on it, as its poller includes them."""
    return client.get(url + "".join(f"&bar={pk}" for pk in bar_ids), headers=HTMX_HEADERS)


def list_bar_ids(page: ParsedPage) -> list[int]:
    """The steady bars of a page, which its poller names."""
    return [int(element.get("value")) for element in page.find_controls("bar")]


def open_workspace(client, query="") -> ParsedPage:
    return ParsedPage(client.get(f"/create/{VEO}/{query}"))
