"""People in a hurry, with many tabs, old pages and little credit: one press is one paid job."""

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
from tests.factories import VEO, UserFactory
from tests.faults.conftest import FAULTS_SIZE, assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    GenerationLifecycle,
    count_states,
    final_values,
    reload,
    run_concurrently,
)
from tests.faults.report import count_cases
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS, post_form
from tests.manual_worker import FakeClock
from tests.provider_replies import make_dropped_reply, make_error_reply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def lifecycle(fake_provider) -> GenerationLifecycle:
    """At the real time, as the pages know no other."""
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=timezone.now())
    return GenerationLifecycle(fake_provider, FakeClock(timezone.now()))


SHARED_CLIENT = Client()


def create_tab_client(user, session: str = "") -> Client:
    """A browser tab; with `session`, one more of the same browser."""
    client = Client()
    client.handler = SHARED_CLIENT.handler  # building one takes longer than a press
    if session:
        client.cookies[django_settings.SESSION_COOKIE_NAME] = session
    else:
        client.force_login(user)
    return client


def session_key_of(client: Client) -> str:
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


def dispatch_now(lifecycle: GenerationLifecycle) -> None:
    lifecycle.clock.now = timezone.now()
    lifecycle.dispatch_all()


@pytest.mark.parametrize(("htmx", "clicks"), [(False, 50), (True, 10)], ids=["plain", "htmx"])
def test_fifty_clicks_at_once_are_one_job(lifecycle, fake_provider, video_url, htmx, clicks):
    """Many requests of one browser with the key of one form, all at the same moment."""
    with count_cases("People: fifty clicks with one form key") as case_counter:
        for _ in range(FAULTS_SIZE):
            key, session = uuid.uuid4(), session_key_of(create_tab_client(lifecycle.ada))
            tabs = [create_tab_client(lifecycle.ada, session) for _ in range(clicks)]

            def click(n: int, tabs=tabs, key=key):
                return post_form(tabs[n], VEO, form_key=key, is_htmx=htmx)

            answers = run_concurrently(clicks, click)
            (row,) = Generation.objects.filter(form_key=key)
            assert {answer.status_code for answer in answers} == {200 if htmx else 302}
            for answer in answers:
                outcome = ParsedPage(answer).card_states() if htmx else answer["Location"]
                assert row.pk in outcome if htmx else outcome == f"/create/{VEO}/?show={row.pk}"
            assert (
                LedgerEntry.objects.filter(
                    generation_id=row.pk, kind=LedgerEntry.Kind.RESERVE
                ).count()
                == 1
            )
            case_counter.cases += clicks
        dispatch_now(lifecycle)
        assert fake_provider.paid_count == len(fake_provider.create.requests) == FAULTS_SIZE
        lifecycle.end_and_assert_cleared(Generation.objects.all(), video_url)


def test_one_key_with_many_contents_is_one_of_them_and_the_others_are_told(
    lifecycle, fake_provider, video_url
):
    with count_cases("People: one form key, other content") as case_counter:
        for _ in range(2 * FAULTS_SIZE):
            key, session = uuid.uuid4(), session_key_of(create_tab_client(lifecycle.ada))
            tabs = [create_tab_client(lifecycle.ada, session) for _ in range(8)]

            def submit_changed(n: int, tabs=tabs, key=key):
                return post_form(tabs[n], VEO, {"prompt": f"A cat, number {n}"}, form_key=key)

            answers = run_concurrently(8, submit_changed)
            (row,) = Generation.objects.filter(form_key=key)
            refused_pages = [ParsedPage(answer) for answer in answers if answer.status_code == 200]
            assert len(refused_pages) == 7
            for page in refused_pages:
                assert "sent before" in page.text
                assert page.control_value("form_key") != str(key), "what they see now can be sent"
                assert page.control_value("prompt") != row.prompt, "and is what they typed"
            case_counter.cases += 8
        dispatch_now(lifecycle)
        assert fake_provider.paid_count == 2 * FAULTS_SIZE
        lifecycle.end_and_assert_cleared(Generation.objects.all(), video_url)


def test_back_and_resend_is_the_same_job_wherever_it_stands(lifecycle, fake_provider, video_url):
    """The browser sends an old form again while the job waits, is lost, runs, and has ended."""
    client = create_tab_client(lifecycle.ada)
    with count_cases("People: back and resend") as case_counter:
        keys = {name: uuid.uuid4() for name in ("runs", "is lost", "is refused", "waits")}
        locations = {
            name: post_form(client, VEO, form_key=key)["Location"] for name, key in keys.items()
        }

        def resend() -> None:
            for name, key in keys.items():
                row = Generation.objects.get(form_key=key)
                before = final_values(row)
                assert post_form(client, VEO, form_key=key)["Location"] == locations[name]
                assert post_form(client, VEO, form_key=key, is_htmx=True).status_code == 200
                assert final_values(row) == before
                case_counter.cases += 2
            assert Generation.objects.count() == len(keys)

        resend()
        fake_provider.create.reply_next(
            lifecycle.make_task_reply_now(),
            make_dropped_reply(accepts_task=False),
            make_error_reply(400, "x"),
            make_error_reply(429, "rate_limit"),
        )
        dispatch_now(lifecycle)
        assert count_states() == {"running": 1, "unknown": 1, "failed": 1, "queued": 1}
        resend()
        lifecycle.clock.advance(minutes=3)
        lifecycle.dispatch_all()
        running = list(Generation.objects.filter(state=State.RUNNING))
        lifecycle.end_tasks(running, video_url)
        for _ in range(4):
            lifecycle.worker.run_all_stages()
            lifecycle.clock.advance(minutes=1)
        assert count_states() == {"completed": 1, "failed": 2, "unknown": 1}
        resend()
        lifecycle.worker.run_all_stages()
        assert fake_provider.paid_count == 2
        assert len(fake_provider.create.requests) == 5


def test_two_tabs_are_two_generations_and_each_is_paid_once(lifecycle, fake_provider, video_url):
    """Every tab has a key of its own; both tabs press twice, all four at once."""
    with count_cases("People: two tabs") as case_counter:
        first = create_tab_client(lifecycle.ada)
        session = session_key_of(first)
        pages = [ParsedPage(first.get(f"/create/{VEO}/")) for _ in range(2)]
        keys = [page.control_value("form_key") for page in pages]
        assert len(set(keys)) == 2
        tabs = [create_tab_client(lifecycle.ada, session) for _ in range(4)]
        answers = run_concurrently(4, lambda n: post_form(tabs[n], VEO, form_key=keys[n % 2]))
        assert {answer.status_code for answer in answers} == {302}
        assert Generation.objects.count() == 2
        dispatch_now(lifecycle)
        assert fake_provider.paid_count == 2
        case_counter.cases += 4
        lifecycle.end_and_assert_cleared(Generation.objects.all(), video_url)


def test_cancelling_in_one_tab_while_the_worker_sends_is_either_or(
    lifecycle, fake_provider, video_url
):
    """Dropped and never sent, or sent and said to be: never both."""
    with count_cases("People: two tabs") as case_counter:
        for _ in range(6 * FAULTS_SIZE):
            (row,) = lifecycle.create_generations()
            client = create_tab_client(lifecycle.ada)
            address = f"/generations/{row.pk}/cancel/"

            def dispatch_or_cancel(n: int, tab=client, address=address):
                return (
                    lifecycle.worker.dispatch_due()
                    if n
                    else tab.post(address, headers=HTMX_HEADERS)
                )

            answer, _ = sorted(
                run_concurrently(2, dispatch_or_cancel), key=lambda answer: answer is None
            )
            post_count = sum(
                f"studio-{row.form_key.hex}" in str(r.headers)
                for r in fake_provider.received_requests
            )
            assert (reload(row).state, post_count) in {("cancelled", 0), ("running", 1)}
            assert ParsedPage(answer).card_states()[row.pk] in {"cancelled", "sending", "running"}
            case_counter.cases += 1
        assert_nothing_paid_twice_or_hidden(fake_provider)
        running = list(Generation.objects.filter(state=State.RUNNING))
        lifecycle.end_and_assert_cleared(running, video_url)


def log_out(client: Client, user) -> None:
    client.logout()


def disable_user(client: Client, user) -> None:
    type(user).objects.filter(pk=user.pk).update(is_active=False)


def forge_session(client: Client, user) -> None:
    client.cookies[django_settings.SESSION_COOKIE_NAME] = "x" * 32


@pytest.mark.parametrize("end", [log_out, disable_user, forge_session])
def test_a_session_that_ends_while_the_page_polls_leads_to_sign_in(lifecycle, end):
    """No sign-in page is swapped into a card, and nothing about the person is said."""
    with count_cases("People: session ends while polling") as case_counter:
        (row,) = lifecycle.create_generations()
        client = create_tab_client(lifecycle.ada)
        page = ParsedPage(client.get(f"/create/{VEO}/"))
        poll = page.find_one("*[@id='poller']").get("hx-get")
        assert client.get(poll, headers=HTMX_HEADERS).status_code in {200, 204}
        end(client, lifecycle.ada)
        for address in (poll, f"/show/{row.pk}/", "/live/"):
            answer = client.get(address, headers=HTMX_HEADERS)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer["HX-Redirect"].startswith("/account/login/")
            case_counter.cases += 1
        answer = post_form(client, VEO, is_htmx=True)
        assert answer["HX-Redirect"].startswith("/account/login/")
        assert Generation.objects.count() == 1


def test_eight_at_once_with_credits_for_one_buy_one(lifecycle, fake_provider, video_url):
    """Eight forms of one person, all pressed at once: one is accepted, seven are refused."""
    with count_cases("People: credits for one, eight at once") as case_counter:
        for _ in range(3 * FAULTS_SIZE):
            eve = UserFactory()
            Allowance.objects.create(user=eve, credits_limit=Decimal(200), period="none")
            tabs = [create_tab_client(eve) for _ in range(8)]
            answers = run_concurrently(8, lambda n, tabs=tabs: post_form(tabs[n], VEO))
            accepted = [answer for answer in answers if answer.status_code == 302]
            refused_pages = [ParsedPage(answer) for answer in answers if answer.status_code == 200]
            assert (len(accepted), len(refused_pages)) == (1, 7)
            for page in refused_pages:
                assert page.find_all("*[@role='alert']"), "they are told why"
            balance = AllowanceBalance.objects.get(allowance__user=eve)
            assert Decimal(0) < balance.credits_reserved <= 200
            assert Generation.objects.filter(owner=eve).count() == 1
            case_counter.cases += 8
        dispatch_now(lifecycle)
        assert fake_provider.paid_count == 3 * FAULTS_SIZE
        lifecycle.end_and_assert_cleared(Generation.objects.all(), video_url)


def test_a_group_that_shares_credits_for_one_buys_one(lifecycle, fake_provider):
    """Eight people with one balance between them."""
    shared_allowance = Allowance.objects.get(user=None, group=None)
    Allowance.objects.filter(pk=shared_allowance.pk).update(
        credits_limit=Decimal(200), period="none", is_shared=True
    )
    with count_cases("People: credits for one, eight at once") as case_counter:
        tabs = [create_tab_client(UserFactory()) for _ in range(8)]
        answers = run_concurrently(8, lambda n: post_form(tabs[n], VEO))
        assert sorted(answer.status_code for answer in answers) == [*[200] * 7, 302]
        dispatch_now(lifecycle)
        assert fake_provider.paid_count == Generation.objects.count() == 1
        case_counter.cases += 8
        assert_nothing_paid_twice_or_hidden(fake_provider)
