"""How far things go: the files that a prompt, a task's answer and an amount pass through.

CONTRIBUTING draws the same ways; `tests/test_contributing.py` compares them.
"""

from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.template.loader import render_to_string
from django.urls import get_resolver

from evolink_studio.credits.models import LedgerEntry, RateCard
from evolink_studio.generations.change_feed import FeedToken, get_feed_state, list_changes_since
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.presenters.workspace import build_changed_fragments
from evolink_studio.generations.states import State
from tests.factories import VEO, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.generations.conftest import update_task
from tests.generations.form_client import post_form
from tests.manual_worker import PROVIDER_KEY, FakeClock, ManualWorker
from tests.traced_files import ValueTracer, record_entered_files

# In the order in which they first hold it.
PROMPT_PATH = [
    "generations/views/create.py",
    "generations/forms/parsing.py",
    "generations/forms/cast.py",
    "prompts/cast/tags.py",
    "catalog/spec.py",
    "catalog/parsing.py",
    "catalog/validation.py",
    "catalog/rules.py",
    "generations/presenters/quotes.py",
    "credits/pricing.py",
    "generations/params.py",
    "generations/services.py",
    "generations/pipeline/dispatch.py",
    "catalog/serialization.py",
    "evolink/client.py",
    "evolink/transport.py",
]
# What is called on that way and knows nothing of forms and tasks: texts, columns; and what is given
# the same form for something else: its project, its ratio.
PROMPT_HELPERS = {
    "catalog/text.py",
    "core/json_field.py",
    "core/search.py",
    "generations/film_facts.py",
    "generations/forms/project_choice.py",
}
MAX_PROMPT_FILES = 16
# In the order in which they are entered. Whoever follows a reading reads these.
READING_PATH = [
    "generations/pipeline/polling.py",
    "evolink/client.py",
    "evolink/types.py",
    "evolink/transport.py",
    "evolink/responses.py",
    "evolink/result_links.py",
    "generations/pipeline/schedule.py",
    "generations/transitions.py",
    "generations/change_feed.py",
    "generations/queries.py",
    "generations/presenters/workspace.py",
    "generations/presenters/cards.py",
    "generations/presenters/status_text.py",
    "generations/presenters/timers.py",
    "generations/models.py",
]
# What is called on that way and knows nothing of tasks: bytes, times and texts, columns, numbers;
# and what the card says of the request, which no reading changes.
READING_HELPERS = {
    "catalog/__init__.py",
    "core/formatting.py",
    "core/json_field.py",
    "core/prepared_query.py",
    "credits/fields.py",
    "evolink/outcomes.py",
    "evolink/read_streams.py",
    "evolink/redaction.py",
    "evolink/timestamps.py",
    "generations/presenters/main_settings.py",
}
MAX_READING_FILES = 15
# In the order in which they first hold it.
AMOUNT_PATH = [
    "generations/views/create.py",
    "generations/presenters/quotes.py",
    "credits/pricing.py",
    "credits/fields.py",
    "credits/availability.py",
    "credits/allowances.py",
    "generations/services.py",
    "credits/ledger.py",
]
AMOUNT_HELPERS = {"core/prepared_query.py"}
MAX_AMOUNT_FILES = 9
PROMPT = "A heron lands on a frozen pond"
PRICE = Decimal("41.7853")


def holds_prompt(value: object) -> bool:
    """Whether it is in this text, or in what goes over the wire."""
    if isinstance(value, bytes):
        return PROMPT.encode() in value
    return isinstance(value, str) and PROMPT in value


def is_price(value: object) -> bool:
    """Whether it is the amount."""
    return isinstance(value, Decimal) and value == PRICE


@pytest.mark.django_db
def test_a_prompt_passes_few_files_from_the_press_to_the_wire(client):
    client.force_login(UserFactory())
    tracer = ValueTracer(holds_prompt)
    with FakeProvider() as fake_provider:
        with tracer.watch():
            assert post_form(client, VEO, {"prompt": PROMPT}).status_code == 302
        clock = FakeClock(Generation.objects.get().created_at)
        with tracer.watch():
            ManualWorker(fake_provider.url, clock).dispatch_due()
        (request,) = fake_provider.create.requests
    assert request.json["prompt"] == PROMPT
    assert [name for name in tracer.files if name not in PROMPT_HELPERS] == PROMPT_PATH
    assert len(PROMPT_PATH) <= MAX_PROMPT_FILES


@pytest.mark.django_db
def test_an_amount_passes_few_files_from_the_press_to_the_ledger(client):
    client.force_login(UserFactory())
    RateCard.objects.filter(model_id=VEO).update(
        credits_per_unit=PRICE, factors={}, minimum_credits=0
    )
    tracer = ValueTracer(is_price)
    with tracer.watch():
        assert post_form(client, VEO).status_code == 302
    assert LedgerEntry.objects.get().credits_reserved_delta == PRICE
    assert [name for name in tracer.files if name not in AMOUNT_HELPERS] == AMOUNT_PATH
    assert len(AMOUNT_PATH) <= MAX_AMOUNT_FILES


def poll(worker: ManualWorker, entered_files: list[str]) -> None:
    """Read what is due, and list the files from the beginning of the read on."""
    lease_id, rows = lease_due(State.RUNNING, limit=1, now=worker.clock(), only_poll_columns=True)
    provider = worker.build_provider()

    async def read() -> None:
        async with provider.client:
            entered_files.clear()
            await poll_batch(rows, lease_id=lease_id, provider=provider, clock=worker.clock)

    async_to_sync(read)()


def render_changes(generation: Generation, token: FeedToken, worker: ManualWorker) -> str:
    """What a poll of its owner's page brings: its card in the rail."""
    feed = get_feed_state(generation.owner, PROVIDER_KEY)
    rows = list_changes_since(generation.owner, feed, token.version)
    fragments = build_changed_fragments(
        generation.owner,
        rows,
        since=token,
        feed=feed,
        selected_id=None,
        steady_bar_ids=set(),
        now=worker.clock(),
    )
    return render_to_string("generations/_poll_response.html", fragments)


@pytest.mark.django_db
def test_a_reading_passes_few_files_from_evolink_to_the_card():
    generation = GenerationFactory()
    with FakeProvider() as fake_provider:
        worker = ManualWorker(fake_provider.url, FakeClock())
        worker.dispatch_due()
        generation.refresh_from_db()
        token = get_feed_state(generation.owner, PROVIDER_KEY).get_token(worker.clock())
        update_task(fake_provider, generation, status="processing", progress=40)
        worker.advance_until_due(generation)
        _ = get_resolver().url_patterns  # imports every view, which is not part of the way
        render_changes(generation, token, worker)
        with record_entered_files() as entered_files:
            poll(worker, entered_files)
            html = render_changes(generation, token, worker)

    assert 'value="40"' in html
    assert [name for name in entered_files if name not in READING_HELPERS] == READING_PATH
    assert set(entered_files) - set(READING_PATH) <= READING_HELPERS
    assert len(READING_PATH) <= MAX_READING_FILES
