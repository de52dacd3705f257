"""A named task is shown before it is linked, and a decision can be taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry

from evolink_studio.credits import ledger
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import Allowance, LedgerEntry
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Decision, GeneratedVideo, Generation, TaskLookup
from evolink_studio.generations.pipeline.lookups import read_named_tasks
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.library.models import Asset
from evolink_studio.worker.periodic import refresh_balance
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.generations.admin.conftest import GENERATIONS_URL, client_of, generation_url
from tests.manual_worker import FakeClock, ManualWorker
from tests.provider_replies import make_error_reply, make_reply

TASK = "task-unified-7"
CREATED = int(NOW.timestamp()) + 3


@pytest.fixture
def worker(fake_provider) -> ManualWorker:
    return ManualWorker(fake_provider.url, FakeClock(NOW + timedelta(minutes=1)))


@pytest.fixture
def lost(db) -> Generation:
    ada = UserFactory(username="ada")
    Allowance.objects.update(credits_limit=1000)
    return create_lost(ada)


def create_lost(owner, **fields) -> Generation:
    generation = GenerationFactory(owner=owner, state=State.UNKNOWN, **fields)
    entry = {"generation_id": generation.pk, "model_id": VEO, "amount": Decimal(162), "now": NOW}
    ledger.reserve(user=owner, **entry)
    return generation


def add_task(provider: FakeProvider, task_id=TASK, **fields) -> None:
    provider.tasks[task_id] = {
        **{"id": task_id, "model": f"{VEO}-beta", "created": CREATED, "status": "processing"},
        **{"progress": 40, "usage": {"credits_reserved": 25.7}},
        **fields,
    }


def complete_task(provider: FakeProvider, task_id=TASK, charged=25.7, **fields) -> None:
    url = f"{provider.url}/{task_id}.mp4"
    usage = {"credits_reserved": 25.7, "credits_used": charged}
    add_task(provider, task_id, status="completed", results=[url], usage=usage, **fields)


def read_lookups(worker: ManualWorker) -> None:
    async def run() -> None:
        provider = worker.build_provider()
        async with provider.client:
            await read_named_tasks(provider=provider, clock=worker.clock)

    async_to_sync(run)()


def read_balance(worker: ManualWorker) -> None:
    async def run() -> None:
        provider = worker.build_provider()
        async with provider.client:
            await refresh_balance(provider, now=worker.clock())

    async_to_sync(run)()


def name_task(client, generation, worker, task_id=TASK) -> str:
    """The URL of the page about this task, once the worker has read it."""
    data = {"decision": "task", "task_id": task_id}
    answer = client.post(f"{GENERATIONS_URL}{generation.pk}/settle/", data)
    read_lookups(worker)
    return answer.url


def link(client, url, **data) -> str:
    data = {"note": "Seen the film", "is_confirmed": "on"} | data
    return client.post(url, data, follow=True).content.decode()


def decide(client, generation, decision, **data) -> str:
    generation.refresh_from_db()
    data = {"decision": decision, "note": "Looked again", "confirm": "1"} | data
    data = {"version": generation.changed_version} | data
    url = f"{GENERATIONS_URL}{generation.pk}/settle/"
    answer = client.post(url, data, follow=True).content.decode()
    generation.refresh_from_db()
    return answer


def read_history(client, generation) -> str:
    return client.get(f"{GENERATIONS_URL}{generation.pk}/history/").content.decode()


def list_incidents(now=NOW) -> dict[int, str]:
    return {item.generation.pk: item.type.name for item in list_open_incidents(now=now, limit=9)}


def link_and_finish(client, worker, provider, lost) -> Generation:
    complete_task(provider)
    link(client, name_task(client, lost, worker))
    finish(worker, lost)
    assert lost.state == State.COMPLETED
    return lost


def finish(worker, generation) -> None:
    """The task ends and its film is saved, at the present time at which the pages decide."""
    worker.poll_when_due(generation)
    film = AssetFactory(owner=generation.owner, kind=Asset.Kind.VIDEO, origin=Asset.Origin.RESULT)
    GeneratedVideo.objects.create(generation=generation, asset=film, position=0)
    assert transition(generation, State.COMPLETED, now=worker.clock())
    generation.refresh_from_db()


def test_a_task_is_shown_before_it_is_linked(owner_client, worker, fake_provider, lost):
    add_task(fake_provider, prompt="A cat playing piano")
    answer = owner_client.post(
        f"{GENERATIONS_URL}{lost.pk}/settle/", {"decision": "task", "task_id": TASK}
    )
    waiting = owner_client.get(answer.url)
    assert "The worker asks EvoLink" in waiting.content.decode()
    assert waiting.headers["Refresh"] == "2"
    read_lookups(worker)
    shown = owner_client.get(answer.url)
    page = shown.content.decode()
    assert "Refresh" not in shown.headers
    for words in (
        f"{VEO}-beta",
        "A cat playing piano",
        "processing",
        "25.7",
        "2026-11-20 12:00:03",
    ):
        assert words in page
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.UNKNOWN, None)
    link(owner_client, answer.url)
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.RUNNING, TASK)
    history = read_history(owner_client, lost)
    assert f"Task: – → {TASK}. State: Answer lost → In progress. Reason: Seen the film" in history
    assert fake_provider.paid_count == 0
    assert audit_ledger_with_generations().findings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "kling-o3-image-to-video"}, "made by another model"),
        ({"model": ""}, "made by another model"),
        ({"created": CREATED - 60}, "created before the button was pressed"),
        ({"created": CREATED + 3600}, "created long after this was sent"),
    ],
    ids=["other model", "no model", "before the press", "an hour later"],
)
def test_a_task_that_does_not_fit_is_refused_whatever_is_confirmed(
    owner_client, worker, fake_provider, lost, fields, words
):
    add_task(fake_provider, prompt=lost.prompt, **fields)
    url = name_task(owner_client, lost, worker)
    assert words in owner_client.get(url).content.decode()
    assert "Link this task" not in link(owner_client, url)
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.UNKNOWN, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "A dog"}, "It has another prompt."),
        ({}, "EvoLink does not say its prompt"),
        ({"prompt": "A cat playing piano", "created": None}, "does not say when it was created"),
    ],
    ids=["other prompt", "prompt not said", "time not said"],
)
def test_what_only_a_person_can_tell_is_confirmed_first(
    owner_client, worker, fake_provider, lost, fields, words
):
    add_task(fake_provider, **fields)
    url = name_task(owner_client, lost, worker)
    assert words in owner_client.get(url).content.decode()
    link(owner_client, url, is_confirmed="")
    lost.refresh_from_db()
    assert lost.state == State.UNKNOWN
    link(owner_client, url)
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.RUNNING, TASK)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (make_error_reply(404, "task_not_found"), "EvoLink knows no such task"),
        (make_error_reply(403, "permission_denied"), "EvoLink refuses to show this task"),
        (make_error_reply(401, "unauthorized"), "EvoLink refuses to show this task"),
    ],
    ids=["404", "403", "401"],
)
def test_a_refused_task_says_so_on_the_page_and_in_the_history(
    owner_client, worker, fake_provider, lost, reply, words
):
    fake_provider.read.reply_always(reply)
    url = name_task(owner_client, lost, worker)
    for page in (
        owner_client.get(url).content.decode(),
        owner_client.get(generation_url(lost)).content.decode(),
        read_history(owner_client, lost),
    ):
        assert words in page
    link(owner_client, url)
    lost.refresh_from_db()
    assert lost.state == State.UNKNOWN


def test_a_task_is_asked_for_again_while_evolink_does_not_answer(
    owner_client, worker, fake_provider, lost
):
    add_task(fake_provider)
    fake_provider.read.reply_next(make_error_reply(503, "service_unavailable"))
    name_task(owner_client, lost, worker)
    assert TaskLookup.objects.get().answered_at is None
    read_lookups(worker)
    assert TaskLookup.objects.get().outcome == "found"
    fake_provider.read.reply_always(make_error_reply(429, "rate_limit_exceeded"))
    worker.clock.advance(minutes=6)
    url = name_task(owner_client, lost, worker, "task-other")
    TaskLookup.objects.filter(task_id="task-other").update(requested_at=NOW)
    read_lookups(worker)
    assert "EvoLink could not be reached" in owner_client.get(url).content.decode()


def test_two_admins_and_the_worker_decide_at_once_and_one_of_them_is_heard(
    owner_client, worker, fake_provider, lost
):
    add_task(fake_provider)
    url = name_task(owner_client, lost, worker)
    other_client = client_of(UserFactory(owner=True, username="otto"))
    version = Generation.objects.get(pk=lost.pk).changed_version
    assert "never took it" in decide(other_client, lost, "never")
    link(owner_client, url)
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.FAILED, None)
    late_page = decide(owner_client, lost, "charged", amount="9", version=version)
    assert "It has changed in the meantime" in late_page
    assert lost.error_code == "never_taken"
    other = create_lost(lost.owner)
    other_url = name_task(other_client, other, worker)
    link(other_client, other_url)
    third = create_lost(lost.owner)
    data = {"decision": "task", "task_id": TASK}
    page = other_client.post(f"{GENERATIONS_URL}{third.pk}/settle/", data, follow=True)
    assert f"A generation here has this task already: {other}." in page.content.decode()
    assert audit_ledger_with_generations().findings == ()


def test_an_unlinked_task_gives_back_credits_and_film_and_is_an_incident(
    owner_client, worker, fake_provider, lost
):
    link_and_finish(owner_client, worker, fake_provider, lost)
    film = Asset.objects.get(origin="result")
    page = owner_client.get(generation_url(lost)).content.decode()
    assert "Unlink the task" in page
    assert audit_ledger_with_generations().findings == ()
    url = f"{GENERATIONS_URL}{lost.pk}/settle/"
    data = {"decision": "unlink", "note": "Bob's film", "version": lost.changed_version}
    preview = owner_client.post(url, data).content.decode()
    for words in (
        "Films in the library of ada",
        TASK,
        "Answer lost",
        "162",
        "25.7",
        "Bob&#x27;s film",
    ):
        assert words in preview
    lost.refresh_from_db()
    assert lost.state == State.COMPLETED
    decide(owner_client, lost, "unlink", note="Bob's film")
    assert (lost.state, lost.task_id, lost.credits_charged, lost.credits_held) == (
        State.UNKNOWN,
        None,
        None,
        Decimal(162),
    )
    film.refresh_from_db()
    assert film.owner.username == "olga"
    assert not lost.results.exists()
    assert client_of(lost.owner).get(f"/assets/{film.pk}/file/").status_code == 404
    assert list_incidents() == {lost.pk: "unlinked"}
    assert audit_ledger_with_generations().findings == ()
    history = read_history(owner_client, lost)
    assert "State: Done → Answer lost." in history
    assert f"Task: {TASK} → –." in history
    assert "Charged: 25.7 → 0." in history
    reopening = LedgerEntry.objects.get(kind="reopen")
    assert (reopening.credits_reserved_delta, reopening.credits_charged_delta) == (
        162,
        Decimal("-25.7"),
    )
    assert (reopening.actor.username, reopening.note) == ("olga", "Bob's film")


def test_what_was_unlinked_is_not_found_by_the_search_again(
    owner_client, worker, fake_provider, lost
):
    link_and_finish(owner_client, worker, fake_provider, lost)
    fake_provider.tasks[TASK]["created_at"] = CREATED
    decide(owner_client, lost, "unlink")
    record_callback(token=lost.callback_token, size_bytes=9, status="", task_id=TASK, now=NOW)
    worker.advance_until_due(lost)
    worker.reconcile_due()
    lost.refresh_from_db()
    assert (lost.state, lost.task_id) == (State.UNKNOWN, None)


def test_the_kept_film_goes_to_whom_it_belongs_also_when_its_link_is_dead(
    owner_client, worker, fake_provider, lost
):
    link_and_finish(owner_client, worker, fake_provider, lost)
    decide(owner_client, lost, "unlink")
    bob = create_lost(UserFactory(username="bob"))
    url = name_task(owner_client, bob, worker)
    assert "kept here" in owner_client.get(url).content.decode()
    link(owner_client, url)
    bob.refresh_from_db()
    film = Asset.objects.get(origin="result")
    assert (bob.state, bob.credits_charged) == (State.COMPLETED, Decimal("25.7"))
    assert (film.owner.username, bob.results.get().asset) == ("bob", film)
    assert list_incidents() == {lost.pk: "unknown"}
    assert audit_ledger_with_generations().findings == ()


def test_only_a_task_that_was_found_or_named_can_be_unlinked(owner_client):
    usual = GenerationFactory(state=State.COMPLETED)
    assert "Unlink the task" not in owner_client.get(generation_url(usual)).content.decode()
    decide(owner_client, usual, "unlink")
    assert (usual.state, usual.task_id is None) == (State.COMPLETED, False)


@pytest.mark.parametrize("decision", ["never", "charged"])
def test_a_decision_is_taken_back_and_made_anew(owner_client, lost, decision):
    decide(owner_client, lost, decision, amount="9.5")
    assert lost.state == State.FAILED
    decide(owner_client, lost, "reopen")
    assert (lost.state, lost.credits_held, lost.charge) == (State.UNKNOWN, Decimal(162), "unclear")
    assert audit_ledger_with_generations().findings == ()
    decide(owner_client, lost, "charged", amount="7.0001")
    assert (lost.state, lost.credits_charged) == (State.FAILED, Decimal("7.0001"))
    assert audit_ledger_with_generations().findings == ()
    lines = LedgerEntry.objects.filter(generation_id=lost.pk)
    assert sum(line.credits_delta for line in lines) == Decimal("7.0001")
    assert LogEntry.objects.filter(object_id=str(lost.pk)).count() == 3


def test_a_decision_needs_a_reason_and_a_confirmation(owner_client, lost):
    assert "required" in decide(owner_client, lost, "never", note="")
    url = f"{GENERATIONS_URL}{lost.pk}/settle/"
    data = {"decision": "never", "note": "Not in the list", "version": lost.changed_version}
    preview = owner_client.post(url, data).content.decode()
    assert "Answer lost</td><td>Failed" in preview
    assert "162</td><td>0" in preview
    lost.refresh_from_db()
    assert lost.state == State.UNKNOWN


def test_a_callback_that_contradicts_never_taken_is_an_incident(owner_client, lost):
    decide(owner_client, lost, "never")
    assert list_incidents() == {}
    record_callback(
        token=lost.callback_token, size_bytes=9, status="completed", task_id=TASK, now=NOW
    )
    assert list_incidents() == {lost.pk: "contradicted"}
    lost.refresh_from_db()
    assert lost.state == State.FAILED
    page = owner_client.get(generation_url(lost)).content.decode()
    assert f"a callback on its secret address names a task</strong>: {TASK}" in page
    decide(owner_client, lost, "reopen")
    assert list_incidents() == {lost.pk: "unknown"}
    assert f'value="{TASK}"' in owner_client.get(generation_url(lost)).content.decode()


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_charged_without_a_film_is_contradicted_by_a_task_with_one(owner_client, lost, status):
    decide(owner_client, lost, "charged", amount="9")
    record_callback(token=lost.callback_token, size_bytes=9, status=status, task_id=TASK, now=NOW)
    assert list_incidents() == ({lost.pk: "contradicted"} if status == "completed" else {})


def test_a_callback_that_names_another_task_than_was_linked_is_an_incident(
    owner_client, worker, fake_provider, lost
):
    link_and_finish(owner_client, worker, fake_provider, lost)
    for task_id in (TASK, "task-other"):
        record_callback(
            token=lost.callback_token, size_bytes=9, status="", task_id=task_id, now=NOW
        )
        expected = {} if task_id == TASK else {lost.pk: "contradicted"}
        assert list_incidents() == expected
    decide(owner_client, lost, "keep")
    assert list_incidents() == {}


def test_a_task_in_the_list_contradicts_never_taken(owner_client, worker, fake_provider, lost):
    decide(owner_client, lost, "never")
    add_task(fake_provider, created_at=CREATED)
    read_balance(worker)
    assert list_incidents() == {lost.pk: "contradicted"}
    assert Decision.objects.get().contradicting_task_id == TASK


@pytest.mark.parametrize(
    ("fall", "others_charged", "is_contradicted"),
    [(162, 0, True), (100, 0, True), (0, 0, False), (5, 0, False), (162, 162, False)],
)
def test_the_next_balance_is_held_against_never_taken(
    owner_client, worker, fake_provider, lost, fall, others_charged, is_contradicted
):
    worker.clock.now = NOW - timedelta(minutes=1)
    read_balance(worker)
    worker.clock.advance(minutes=10)
    decide(owner_client, lost, "never")
    if others_charged:
        later = NOW + timedelta(minutes=5)
        GenerationFactory(
            state=State.COMPLETED, credits_charged=Decimal(others_charged), accounted_at=later
        )
    figures = {"remaining_credits": 1000.5 - fall, "unlimited_credits": False}
    document = {"data": {"token": figures, "user": figures}, "success": True}
    fake_provider.credits.reply_always(make_reply(document))
    read_balance(worker)
    expected = {lost.pk: "contradicted"} if is_contradicted else {}
    assert list_incidents() == expected


def test_a_task_is_imported_once_it_was_shown(owner_client, worker, fake_provider, db):
    ada = UserFactory(username="ada")
    complete_task(fake_provider, created=CREATED - 90_000)
    url = owner_client.post(f"{GENERATIONS_URL}rescue/", {"task_id": TASK}).url
    read_lookups(worker)
    assert f"{VEO}-beta" in owner_client.get(url).content.decode()
    assert not Generation.objects.exists()
    wrong = link(owner_client, url, owner=ada.pk, model="kling-o3-image-to-video")
    assert "EvoLink says that it was made by" in wrong
    link(owner_client, url, owner=ada.pk, model=VEO)
    generation = Generation.objects.get()
    finish(worker, generation)
    assert (generation.state, generation.task_id) == (State.COMPLETED, TASK)
    assert generation.results.get().asset.owner == ada
    assert audit_ledger_with_generations().findings == ()
    assert "A generation here has this task already" in link(owner_client, url, owner=ada.pk)
    decide(owner_client, generation, "unlink")
    assert generation.state == State.UNKNOWN
    assert audit_ledger_with_generations().findings == ()


def test_a_task_is_not_imported_for_a_user_without_an_allowance(
    owner_client, worker, fake_provider, db
):
    ada = UserFactory(username="ada")
    Allowance.objects.update(is_active=False)
    add_task(fake_provider)
    url = owner_client.post(f"{GENERATIONS_URL}rescue/", {"task_id": TASK}).url
    read_lookups(worker)
    assert "has no allowance" in link(owner_client, url, owner=ada.pk, model=VEO)
    assert not Generation.objects.exists()


def test_the_page_of_a_lookup_is_the_owners(owner_client, staff_client, worker, lost):
    url = name_task(owner_client, lost, worker)
    assert staff_client.get(url).status_code == 403
    assert staff_client.post(url).status_code == 403
    assert owner_client.get(f"{GENERATIONS_URL}lookup/999999/").status_code == 404
