"""People in a hurry, with many tabs, old pages and little credit: a wish is one job, paid once."""

import uuid
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from tests.answers import error, hang_up
from tests.factories import VEO, UserFactory
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import Journey, at_once, facts, fresh, link, states
from tests.faults.table import tally
from tests.generations.pressing import HTMX, press
from tests.page import Page
from tests.work import Clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["link"]  # a fixture


@pytest.fixture
def journey(far) -> Journey:
    """At the real time, as the pages know no other."""
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=timezone.now())
    return Journey(far, Clock(timezone.now()))


STUDIO = Client()


def tab_of(person, session: str = "") -> Client:
    """A browser tab; with `session`, one more of the same browser."""
    client = Client()
    client.handler = STUDIO.handler  # building one takes longer than a press
    if session:
        client.cookies[django_settings.SESSION_COOKIE_NAME] = session
    else:
        client.force_login(person)
    return client


def session_of(client: Client) -> str:
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


def send(journey: Journey) -> None:
    journey.clock.now = timezone.now()
    journey.send_all()


@pytest.mark.parametrize(("htmx", "clicks"), [(False, 50), (True, 10)], ids=["plain", "htmx"])
def test_fifty_clicks_at_once_are_one_job(journey, far, link, htmx, clicks):
    """Many requests of one browser with the key of one form, all at the same moment."""
    with tally("People: fifty clicks with one form key") as counted:
        for _ in range(SIZE):
            key, session = uuid.uuid4(), session_of(tab_of(journey.ada))
            tabs = [tab_of(journey.ada, session) for _ in range(clicks)]

            def click(n: int, tabs=tabs, key=key):
                return press(tabs[n], VEO, key=key, htmx=htmx)

            answers = at_once(clicks, click)
            (row,) = Generation.objects.filter(form_key=key)
            assert {a.status_code for a in answers} == {200 if htmx else 302}
            for answer in answers:
                shown = Page(answer).cards() if htmx else answer["Location"]
                assert row.pk in shown if htmx else shown == f"/create/{VEO}/?show={row.pk}"
            assert (
                LedgerEntry.objects.filter(
                    generation_id=row.pk, kind=LedgerEntry.Kind.RESERVE
                ).count()
                == 1
            )
            counted.cases += clicks
        send(journey)
        assert far.paid == len(far.create.requests) == SIZE
        journey.clears(Generation.objects.all(), link)


def test_one_key_with_many_contents_is_one_of_them_and_the_others_are_told(journey, far, link):
    with tally("People: one form key, other content") as counted:
        for _ in range(2 * SIZE):
            key, session = uuid.uuid4(), session_of(tab_of(journey.ada))
            tabs = [tab_of(journey.ada, session) for _ in range(8)]

            def change(n: int, tabs=tabs, key=key):
                return press(tabs[n], VEO, {"prompt": f"A cat, number {n}"}, key=key)

            answers = at_once(8, change)
            (row,) = Generation.objects.filter(form_key=key)
            refused = [Page(a) for a in answers if a.status_code == 200]
            assert len(refused) == 7
            for page in refused:
                assert "sent before" in page.text
                assert page.value("form_key") != str(key), "what they see now can be sent"
                assert page.value("prompt") != row.prompt, "and is what they typed"
            counted.cases += 8
        send(journey)
        assert far.paid == 2 * SIZE
        journey.clears(Generation.objects.all(), link)


def test_back_and_resend_is_the_same_job_wherever_it_stands(journey, far, link):
    """The browser sends an old form again while the job waits, is lost, runs, and has ended."""
    tab = tab_of(journey.ada)
    with tally("People: back and resend") as counted:
        keys = {name: uuid.uuid4() for name in ("runs", "is lost", "is refused", "waits")}
        sent_again = {name: press(tab, VEO, key=key)["Location"] for name, key in keys.items()}

        def resend() -> None:
            for name, key in keys.items():
                row = Generation.objects.get(form_key=key)
                before = facts(row)
                assert press(tab, VEO, key=key)["Location"] == sent_again[name]
                assert press(tab, VEO, key=key, htmx=True).status_code == 200
                assert facts(row) == before
                counted.cases += 2
            assert Generation.objects.count() == len(keys)

        resend()
        far.create.answers(
            journey.taken(), hang_up(accepts=False), error(400, "x"), error(429, "rate_limit")
        )
        send(journey)
        assert states() == {"running": 1, "unknown": 1, "failed": 1, "queued": 1}
        resend()
        journey.clock.forward(minutes=3)
        journey.send_all()
        running = list(Generation.objects.filter(state=State.RUNNING))
        journey.ends(running, link)
        for _ in range(4):
            journey.worker.everything()
            journey.clock.forward(minutes=1)
        assert states() == {"completed": 1, "failed": 2, "unknown": 1}
        resend()
        journey.worker.everything()
        assert far.paid == 2
        assert len(far.create.requests) == 5


def test_two_tabs_are_two_wishes_and_each_is_paid_once(journey, far, link):
    """Every tab has a key of its own; both tabs press twice, all four at once."""
    with tally("People: two tabs") as counted:
        first = tab_of(journey.ada)
        session = session_of(first)
        pages = [Page(first.get(f"/create/{VEO}/")) for _ in range(2)]
        keys = [page.value("form_key") for page in pages]
        assert len(set(keys)) == 2
        tabs = [tab_of(journey.ada, session) for _ in range(4)]
        answers = at_once(4, lambda n: press(tabs[n], VEO, key=keys[n % 2]))
        assert {a.status_code for a in answers} == {302}
        assert Generation.objects.count() == 2
        send(journey)
        assert far.paid == 2
        counted.cases += 4
        journey.clears(Generation.objects.all(), link)


def test_dropping_in_one_tab_while_the_worker_sends_is_either_or(journey, far, link):
    """Dropped and never sent, or sent and said to be: never both."""
    with tally("People: two tabs") as counted:
        for _ in range(6 * SIZE):
            (row,) = journey.press()
            tab = tab_of(journey.ada)
            address = f"/generations/{row.pk}/cancel/"

            def race(n: int, tab=tab, address=address):
                return journey.worker.send() if n else tab.post(address, headers=HTMX)

            answered, _ = sorted(at_once(2, race), key=lambda a: a is None)
            posted = sum(f"studio-{row.form_key.hex}" in str(r.headers) for r in far.received)
            assert (fresh(row).state, posted) in {("cancelled", 0), ("running", 1)}
            assert Page(answered).cards()[row.pk] in {"cancelled", "sending", "running"}
            counted.cases += 1
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        running = list(Generation.objects.filter(state=State.RUNNING))
        journey.clears(running, link)


def ended_sessions(tab: Client, person) -> None:
    tab.logout()


def disabled(tab: Client, person) -> None:
    type(person).objects.filter(pk=person.pk).update(is_active=False)


def forged(tab: Client, person) -> None:
    tab.cookies[django_settings.SESSION_COOKIE_NAME] = "x" * 32


@pytest.mark.parametrize("end", [ended_sessions, disabled, forged])
def test_a_session_that_ends_while_the_page_polls_leads_to_the_door(journey, end):
    """No fragment of the door is swapped into a card, and nothing of the person is said."""
    with tally("People: session ends while polling") as counted:
        (row,) = journey.press()
        tab = tab_of(journey.ada)
        page = Page(tab.get(f"/create/{VEO}/"))
        poll = page.one("*[@id='poller']").get("hx-get")
        assert tab.get(poll, headers=HTMX).status_code in {200, 204}
        end(tab, journey.ada)
        for address in (poll, f"/show/{row.pk}/", "/live/"):
            answer = tab.get(address, headers=HTMX)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer["HX-Redirect"].startswith("/account/login/")
            counted.cases += 1
        answer = press(tab, VEO, htmx=True)
        assert answer["HX-Redirect"].startswith("/account/login/")
        assert Generation.objects.count() == 1


def test_eight_at_once_with_credits_for_one_buy_one(journey, far, link):
    """Eight forms of one person, all pressed at the same moment: one is sold, seven are told."""
    with tally("People: credits for one, eight at once") as counted:
        for _ in range(3 * SIZE):
            eve = UserFactory()
            Allowance.objects.create(user=eve, credits_limit=Decimal(200), period="none")
            tabs = [tab_of(eve) for _ in range(8)]
            answers = at_once(8, lambda n, tabs=tabs: press(tabs[n], VEO))
            sold = [a for a in answers if a.status_code == 302]
            refused = [Page(a) for a in answers if a.status_code == 200]
            assert (len(sold), len(refused)) == (1, 7)
            for page in refused:
                assert page.all("*[@role='alert']"), "they are told why"
            purse = AllowanceBalance.objects.get(allowance__user=eve)
            assert Decimal(0) < purse.credits_reserved <= 200
            assert Generation.objects.filter(owner=eve).count() == 1
            counted.cases += 8
        send(journey)
        assert far.paid == 3 * SIZE
        journey.clears(Generation.objects.all(), link)


def test_a_group_that_shares_credits_for_one_buys_one(journey, far):
    """Eight people with one purse between them."""
    shared = Allowance.objects.get(user=None, group=None)
    Allowance.objects.filter(pk=shared.pk).update(
        credits_limit=Decimal(200), period="none", is_shared=True
    )
    with tally("People: credits for one, eight at once") as counted:
        tabs = [tab_of(UserFactory()) for _ in range(8)]
        answers = at_once(8, lambda n: press(tabs[n], VEO))
        assert sorted(a.status_code for a in answers) == [*[200] * 7, 302]
        send(journey)
        assert far.paid == Generation.objects.count() == 1
        counted.cases += 8
        nothing_was_paid_twice_and_nothing_is_hidden(far)
