"""A generation that no code here can send: admins see it before it fails, and may take it back."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.incidents import claim_new_alerts, list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch
from evolink_studio.generations.states import State
from evolink_studio.worker.notifications import build_alert_mail
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.faults.conftest import create_generations
from tests.generations.admin.conftest import GENERATIONS_URL, generation_url
from tests.manual_worker import FakeClock, ManualWorker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _frozen_clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def unsendable_generation(monkeypatch) -> Generation:
    """A generation with credits reserved, which a worker has tried to send."""

    def fail_to_build(*_):
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr(dispatch, "_build_payload", fail_to_build)
    (generation,) = create_generations(UserFactory(), 1)
    with FakeProvider() as fake_provider:
        ManualWorker(fake_provider.url, FakeClock(NOW)).dispatch_due()
        assert fake_provider.received_requests == []
    generation.refresh_from_db()
    assert (generation.state, generation.error_code) == ("queued", "internal")
    return generation


def test_it_is_on_the_list_from_the_first_try_on(staff_client, unsendable_generation):
    (item,) = list_open_incidents(now=NOW, limit=9)
    assert (item.generation, item.type.name) == (unsendable_generation, "unsendable")
    page = staff_client.get("/admin/").content.decode()
    assert f'href="{generation_url(unsendable_generation)}"' in page
    assert "Nothing was sent, so EvoLink charges nothing." in page
    assert staff_client.get(f"{GENERATIONS_URL}?look=unsendable").context["cl"].result_count == 1


def test_admins_are_told_once_when_it_did_not_mend_itself(unsendable_generation):
    assert claim_new_alerts(now=NOW + timedelta(minutes=4)) == []
    (alert,) = claim_new_alerts(now=NOW + timedelta(minutes=6))
    assert "Cannot be sent" in build_alert_mail([alert], address="")[1]
    assert claim_new_alerts(now=NOW + timedelta(minutes=7)) == []


def test_once_it_goes_on_it_is_on_the_list_no_more(unsendable_generation):
    Generation.objects.update(error_code="unreachable")
    assert list_open_incidents(now=NOW, limit=9) == []


@pytest.mark.parametrize("origin", [{"overview": "1"}, {"back_to": True}, {}])
def test_the_owner_takes_it_back_and_its_credits_are_free(
    owner_client, unsendable_generation, origin
):
    fields = {"back_to": unsendable_generation.pk} if "back_to" in origin else origin
    form_data = {"action": "cancel_unsent", "_selected_action": unsendable_generation.pk, **fields}
    answer = owner_client.post(GENERATIONS_URL, form_data, follow=True)
    assert "1 generation is cancelled. Nothing was sent or charged." in answer.content.decode()
    links = {"overview": "/admin/", "back_to": generation_url(unsendable_generation)}
    if fields:
        assert answer.redirect_chain[-1][0] == links[next(iter(fields))]
    unsendable_generation.refresh_from_db()
    assert (unsendable_generation.state, unsendable_generation.charge) == ("cancelled", "none")
    assert sum(entry.credits_reserved_delta for entry in LedgerEntry.objects.all()) == 0
    assert audit_ledger_with_generations().findings == ()
    history = owner_client.get(
        f"{GENERATIONS_URL}{unsendable_generation.pk}/history/"
    ).content.decode()
    assert "Cancelled before it was sent." in history


def test_the_button_stands_on_the_list_and_on_its_page_for_the_owner_only(
    owner_client, staff_client, unsendable_generation
):
    button = 'value="cancel_unsent"'
    for page in ("/admin/", generation_url(unsendable_generation)):
        assert button in owner_client.get(page).content.decode()
        assert f'name="action" {button}' not in staff_client.get(page).content.decode()
    assert "The owner may cancel it." in staff_client.get("/admin/").content.decode()


def test_staff_take_nothing_back(staff_client, unsendable_generation):
    staff_client.post(
        GENERATIONS_URL, {"action": "cancel_unsent", "_selected_action": unsendable_generation.pk}
    )
    unsendable_generation.refresh_from_db()
    assert unsendable_generation.state == "queued"


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED}))
def test_what_was_sent_is_not_taken_back(owner_client, state):
    generation = GenerationFactory(state=state)
    before = Generation.objects.values().get()
    form_data = {"action": "cancel_unsent", "_selected_action": generation.pk}
    answer = owner_client.post(GENERATIONS_URL, form_data, follow=True)
    assert "Nothing to cancel" in answer.content.decode()
    assert Generation.objects.values().get() == before
