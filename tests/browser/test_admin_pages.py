"""The admin pages in a real browser: content policy, screen reader rules, keyboard, phones."""

from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.credits import ledger
from evolink_studio.generations.models import CallbackDelivery
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.admin.conftest import LIST, USAGE, page_of, with_film
from tests.browser.conftest import watched
from tests.factories import GenerationFactory, UserFactory


@pytest.fixture
def generations(db) -> dict[str, str]:
    """The page of one generation of each kind that the pages show differently."""
    now = timezone.now()
    old = now - timedelta(hours=3)
    done = with_film(
        created_at=old,
        params={"prompt": "A quiet harbour", "quality": "720p"},
        last_reply={"status": "completed"},
        result_urls=["javascript:alert(1)"],
    )
    Asset.objects.update(poster="")
    ledger.record_external(
        generation_id=done.pk, user=done.owner, reserved=Decimal("25.7"), now=old
    )
    ledger.settle(generation_id=done.pk, charged=Decimal("25.7"), now=old)
    called = GenerationFactory(state=State.RUNNING, created_at=old)
    CallbackDelivery.objects.create(
        generation=called, received_at=now, size_bytes=9, rejection="other_task"
    )
    return {
        "done": page_of(done),
        "held": page_of(called),
        "lost": page_of(GenerationFactory(state=State.UNKNOWN, created_at=now)),
        "failed": page_of(
            GenerationFactory(state=State.FAILED, created_at=now, error_code="service_error")
        ),
    }


def signed_in(page, address: str, then: str = "/admin/") -> None:
    UserFactory(username="olga", owner=True)
    page.goto(f"{address}{then}")
    page.fill("[name=login]", "olga")
    page.fill("[name=password]", "secret")
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"**{then}")


def violations(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in found]


@pytest.mark.parametrize(
    ("locale", "width", "scheme"), [("en-GB", 1440, "light"), ("de-DE", 390, "dark")]
)
def test_no_admin_page_is_blocked_breaks_a_rule_or_is_too_wide(
    browser, live_server, generations, locale, width, scheme
):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme
    )
    people, prices = "/admin/accounts/user/", "/admin/credits/ratecard/"
    paths = (
        *("/admin/", LIST, USAGE, f"{LIST}rescue/", *generations.values()),
        *(people, f"{people}add/", prices, f"{prices}add/", "/admin/credits/provideraccount/"),
        *(f"{prices}off/", "/admin/generations/callbackdelivery/", "/admin/credits/allowance/"),
    )
    with watched(context, live_server.url) as page:
        signed_in(page, live_server.url)
        for path in paths:
            page.goto(f"{live_server.url}{path}")
            page.wait_for_load_state("networkidle")
            assert (path, violations(page)) == (path, [])
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert (path, wide) == (path, False)
            assert (path, page.locator("h1").count()) == (path, 1)
    context.close()


def test_the_filters_open_and_apply_by_keyboard(browser, live_server, generations):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with watched(context, live_server.url) as page:
        signed_in(page, live_server.url, LIST)
        page.get_by_role("button", name="Filters").press("Enter")
        lost = page.get_by_label("Answer lost").first
        expect(lost).to_be_focused()
        lost.press("Space")
        page.get_by_role("button", name="Apply Filters").press("Enter")
        page.wait_for_url("**look=unknown**")
        expect(page.locator("#result_list .data-row")).to_have_count(1)
    context.close()


def test_the_menu_of_a_phone_opens_by_keyboard(browser, live_server, generations):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with watched(context, live_server.url) as page:
        signed_in(page, live_server.url)
        usage = page.get_by_role("link", name="Usage")
        expect(usage).to_be_hidden()
        page.locator("#main").get_by_role("button", name="Menu").press("Enter")
        expect(usage).to_be_visible()
    context.close()


def test_a_lost_answer_is_settled_on_its_page(browser, live_server, generations):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with watched(context, live_server.url) as page:
        signed_in(page, live_server.url, generations["lost"])
        page.get_by_role("button", name="EvoLink never took it").click()
        expect(page.get_by_text("Settled: EvoLink never took it")).to_be_visible()
        expect(page.get_by_text("What became of it?")).to_have_count(0)
    context.close()


def test_what_an_ended_one_cost_is_corrected_on_its_page(browser, live_server, generations):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with watched(context, live_server.url) as page:
        signed_in(page, live_server.url, generations["done"])
        page.get_by_label("Credits charged").fill("20")
        page.get_by_label("Reason").fill("Seen on the invoice")
        page.get_by_role("button", name="Correct").press("Enter")
        expect(page.get_by_text("Corrected from 25.7 to 20 credits")).to_be_visible()
        line = page.get_by_role("row").filter(has_text="Seen on the invoice")
        expect(line).to_contain_text("-5.7")
        expect(line).to_contain_text("olga")
    context.close()
