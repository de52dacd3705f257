"""The admin pages in a real browser: content policy, screen reader rules, keyboard, phones."""

from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.accounts.services import create_sign_in_link
from evolink_studio.credits import ledger
from evolink_studio.generations.models import CallbackDelivery
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.browser.conftest import open_watched_page
from tests.factories import GenerationFactory, UserFactory
from tests.generations.admin.conftest import (
    GENERATIONS_URL,
    USAGE_URL,
    create_completed_generation,
    generation_url,
)


@pytest.fixture
def generation_urls(db) -> dict[str, str]:
    """The page of one generation of each kind that the pages show differently."""
    now = timezone.now()
    created_at = now - timedelta(hours=3)
    completed = create_completed_generation(
        created_at=created_at,
        params={"prompt": "A quiet harbour", "quality": "720p"},
        last_reply={"status": "completed"},
        result_urls=["javascript:alert(1)"],
    )
    Asset.objects.update(poster="")
    ledger.record_external(
        generation_id=completed.pk, user=completed.owner, reserved=Decimal("25.7"), now=created_at
    )
    ledger.settle(generation_id=completed.pk, charged=Decimal("25.7"), now=created_at)
    running = GenerationFactory(state=State.RUNNING, created_at=created_at)
    CallbackDelivery.objects.create(
        generation=running, received_at=now, size_bytes=9, rejection="other_task"
    )
    return {
        "done": generation_url(completed),
        "held": generation_url(running),
        "lost": generation_url(GenerationFactory(state=State.UNKNOWN, created_at=now)),
        "failed": generation_url(
            GenerationFactory(state=State.FAILED, created_at=now, error_code="service_error")
        ),
    }


def sign_in_owner(page, base_url: str, next_path: str = "/admin/") -> None:
    UserFactory(username="olga", owner=True)
    page.goto(f"{base_url}{next_path}")
    page.fill("[name=login]", "olga")
    page.fill("[name=password]", "secret")
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"**{next_path}")


def list_violations(page) -> list[str]:
    results = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[n['target'] for n in v['nodes']]}" for v in results]


@pytest.mark.parametrize(
    ("locale", "width", "scheme"), [("en-GB", 1440, "light"), ("de-DE", 390, "dark")]
)
def test_no_admin_page_is_blocked_breaks_a_rule_or_is_too_wide(
    browser, live_server, generation_urls, locale, width, scheme
):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale=locale, color_scheme=scheme
    )
    people, prices = "/admin/accounts/user/", "/admin/credits/ratecard/"
    paths = (
        *(
            "/admin/",
            GENERATIONS_URL,
            USAGE_URL,
            f"{GENERATIONS_URL}rescue/",
            *generation_urls.values(),
        ),
        *(people, f"{people}add/", prices, f"{prices}add/", "/admin/credits/provideraccount/"),
        *(f"{prices}off/", "/admin/generations/callbackdelivery/", "/admin/credits/allowance/"),
        *("/admin/accounts/signinlink/", "/admin/accounts/securityevent/"),
    )
    create_sign_in_link(user=UserFactory(), now=timezone.now())
    with open_watched_page(context, live_server.url) as page:
        sign_in_owner(page, live_server.url)
        for path in paths:
            page.goto(f"{live_server.url}{path}")
            page.wait_for_load_state("networkidle")
            assert (path, list_violations(page)) == (path, [])
            is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert (path, is_too_wide) == (path, False)
            assert (path, page.locator("h1").count()) == (path, 1)
    context.close()


def test_the_filters_open_and_apply_by_keyboard(browser, live_server, generation_urls):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with open_watched_page(context, live_server.url) as page:
        sign_in_owner(page, live_server.url, GENERATIONS_URL)
        page.get_by_role("button", name="Filters").press("Enter")
        expect(page.locator("input[name=look]").first).to_be_focused()
        page.get_by_label("Answer lost").first.press("Space")
        page.get_by_role("button", name="Apply Filters").press("Enter")
        page.wait_for_url("**look=unknown**")
        expect(page.locator("#result_list .data-row")).to_have_count(1)
    context.close()


def test_the_menu_of_a_phone_opens_by_keyboard(browser, live_server, generation_urls):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with open_watched_page(context, live_server.url) as page:
        sign_in_owner(page, live_server.url)
        usage = page.get_by_role("link", name="Usage")
        expect(usage).to_be_hidden()
        page.locator("#main").get_by_role("button", name="Menu").press("Enter")
        expect(usage).to_be_visible()
    context.close()


def test_a_lost_answer_is_resolved_on_its_page(browser, live_server, generation_urls):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with open_watched_page(context, live_server.url) as page:
        sign_in_owner(page, live_server.url, generation_urls["lost"])
        page.locator("#never_note").fill("Looked at EvoLink's own list")
        page.get_by_role("button", name="Settle as not charged…").press("Enter")
        expect(page.get_by_role("heading", name="EvoLink never took it")).to_be_visible()
        page.get_by_role("button", name="Settle as not charged").press("Enter")
        expect(page.get_by_text("Settled: EvoLink never took it")).to_be_visible()
        expect(page.get_by_text("What became of it?")).to_have_count(0)
    context.close()


def test_what_an_ended_one_cost_is_corrected_on_its_page(browser, live_server, generation_urls):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with open_watched_page(context, live_server.url) as page:
        sign_in_owner(page, live_server.url, generation_urls["done"])
        page.get_by_label("Credits charged").fill("20")
        page.get_by_label("Reason").fill("Seen on the invoice")
        page.get_by_role("button", name="Correct…").press("Enter")
        expect(page.get_by_role("heading", name="Correct what it cost", level=1)).to_be_visible()
        page.get_by_role("button", name="Correct").press("Enter")
        expect(page.get_by_text("Its cost was corrected. Charged: 25.7 → 20.")).to_be_visible()
        line = page.get_by_role("row").filter(has_text="Seen on the invoice")
        expect(line).to_contain_text("-5.7")
        expect(line).to_contain_text("olga")
    context.close()
