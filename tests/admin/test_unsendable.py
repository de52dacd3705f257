"""A wish that no code here can send: admins see it before it fails, and may take it back."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.incidents import claim_new_alerts, open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch as sending
from evolink_studio.generations.states import State
from evolink_studio.worker.notifications import alert_mail
from tests.admin.conftest import LIST, page_of
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.farend import FarEnd
from tests.faults.conftest import wishes
from tests.work import Clock, Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def poisoned(monkeypatch) -> Generation:
    """A wish with its credits held, which a worker has tried to send."""

    def broken(*_):
        raise ZeroDivisionError("poisoned")

    monkeypatch.setattr(sending, "_build_payload", broken)
    (wish,) = wishes(UserFactory(), 1)
    with FarEnd() as far:
        Worker(far.url, Clock(NOW)).send()
        assert far.received == []
    wish.refresh_from_db()
    assert (wish.state, wish.error_code) == ("queued", "internal")
    return wish


def test_it_is_on_the_list_from_the_first_try_on(staff, poisoned):
    (item,) = open_incidents(now=NOW, limit=9)
    assert (item.generation, item.type.name) == (poisoned, "unsendable")
    page = staff.get("/admin/").content.decode()
    assert f'href="{page_of(poisoned)}"' in page
    assert "Nothing was sent, so EvoLink charges nothing." in page
    assert staff.get(f"{LIST}?look=unsendable").context["cl"].result_count == 1


def test_admins_are_told_once_when_it_did_not_mend_itself(poisoned):
    assert claim_new_alerts(now=NOW + timedelta(minutes=4)) == []
    (alert,) = claim_new_alerts(now=NOW + timedelta(minutes=6))
    assert "Cannot be sent" in alert_mail([alert], address="")[1]
    assert claim_new_alerts(now=NOW + timedelta(minutes=7)) == []


def test_once_it_goes_on_it_is_on_the_list_no_more(poisoned):
    Generation.objects.update(error_code="unreachable")
    assert open_incidents(now=NOW, limit=9) == []


@pytest.mark.parametrize("where", [{"overview": "1"}, {"back_to": True}, {}])
def test_the_owner_takes_it_back_and_its_credits_are_free(owner, poisoned, where):
    given = {"back_to": poisoned.pk} if "back_to" in where else where
    asked = {"action": "cancel_unsent", "_selected_action": poisoned.pk, **given}
    answer = owner.post(LIST, asked, follow=True)
    assert "1 generation is cancelled. Nothing was sent or charged." in answer.content.decode()
    shown = {"overview": "/admin/", "back_to": page_of(poisoned)}
    if given:
        assert answer.redirect_chain[-1][0] == shown[next(iter(given))]
    poisoned.refresh_from_db()
    assert (poisoned.state, poisoned.charge) == ("cancelled", "none")
    assert sum(entry.credits_reserved_delta for entry in LedgerEntry.objects.all()) == 0
    assert audit_ledger_with_generations().findings == ()
    history = owner.get(f"{LIST}{poisoned.pk}/history/").content.decode()
    assert "Cancelled before it was sent." in history


def test_the_button_stands_on_the_list_and_on_its_page_for_the_owner_only(owner, staff, poisoned):
    button = 'value="cancel_unsent"'
    for page in ("/admin/", page_of(poisoned)):
        assert button in owner.get(page).content.decode()
        assert f'name="action" {button}' not in staff.get(page).content.decode()
    assert "The owner may cancel it." in staff.get("/admin/").content.decode()


def test_staff_take_nothing_back(staff, poisoned):
    staff.post(LIST, {"action": "cancel_unsent", "_selected_action": poisoned.pk})
    poisoned.refresh_from_db()
    assert poisoned.state == "queued"


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED}))
def test_what_was_sent_is_not_taken_back(owner, state):
    sent = GenerationFactory(state=state)
    before = Generation.objects.values().get()
    asked = {"action": "cancel_unsent", "_selected_action": sent.pk}
    answer = owner.post(LIST, asked, follow=True)
    assert "Nothing to cancel" in answer.content.decode()
    assert Generation.objects.values().get() == before
