"""What changes by itself, and what must not."""

from playwright.sync_api import expect

from evolink_studio.credits.models import Allowance
from evolink_studio.generations.states import State
from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import (
    axe_violations,
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
    video_plays,
    wait_until,
)
from tests.factories import GenerationFactory


def test_a_playing_film_is_not_swapped_away_by_the_next_one(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[quick] The first")
    press_generate(page)
    expect(selected_card(page, "completed")).to_be_visible()
    assert video_plays(page)
    page.evaluate("document.querySelector('#stage video').loop = true")
    page.evaluate("window.film = document.querySelector('#stage video')")
    fill_prompt(page, "[quick] The second")
    press_generate(page)
    expect(page.locator("#rail [data-generation][data-status=completed]")).to_have_count(
        1, timeout=90_000
    )
    assert page.evaluate("window.film === document.querySelector('#stage video')")
    assert page.evaluate("!window.film.paused")


def test_a_failure_says_what_happened_to_the_money_and_what_to_do(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[quick] [policy] Something forbidden")
    press_generate(page)
    failed_card = selected_card(page, "failed")
    expect(failed_card).to_contain_text("content policy")
    expect(failed_card).to_contain_text("Not charged")
    failed_card.locator("a", has_text="try again").click()
    page.wait_for_url("**/create/**from=**")
    expect(page.locator("textarea[name=prompt]")).to_have_value(
        "[quick] [policy] Something forbidden"
    )


def test_a_lost_answer_is_told_and_found_again(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[quick] [lost] A cat")
    press_generate(page)
    expect(selected_card(page, "unknown")).to_contain_text("never send it again")
    page.wait_for_timeout(6000)
    page.reload()
    expect(selected_card(page, "completed")).to_be_visible()


def test_a_session_that_ends_leads_to_the_sign_in_page(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[stall] A cat")
    press_generate(page)
    expect(selected_card(page, "running")).to_be_visible()
    page.context.clear_cookies()
    page.wait_for_url("**/account/login/**")


def test_another_tab_hears_of_it(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[stall] The first keeps both tabs listening")
    press_generate(page)
    expect(selected_card(page, "running")).to_be_visible()
    with open_watched_page(page.context, studio.base_url) as other_page:
        open_model(other_page, studio, "grok-imagine-text-to-video")
        fill_prompt(page, "[quick] Told everywhere")
        press_generate(page)
        expect(other_page.locator("[data-generation]")).to_have_count(2)
        expect(other_page.locator("[data-status=completed]")).to_have_count(1)


def test_a_film_that_another_tab_put_into_the_trash_leaves_the_rail(ada_page, idle_studio):
    owner = idle_studio.owner
    film = GenerationFactory(owner=owner, state=State.COMPLETED)
    selected = GenerationFactory(owner=owner, state=State.COMPLETED)
    model = "grok-imagine-text-to-video"
    ada_page.goto(idle_studio.build_url(f"/create/{model}/?show={selected.pk}"))
    card = ada_page.locator(f"#rail #card-{film.pk}")
    expect(card).to_be_visible()
    with open_watched_page(ada_page.context, idle_studio.base_url) as other_page:
        other_page.goto(idle_studio.build_url(f"/films/{film.pk}/"))
        other_page.get_by_role("button", name="Put into the trash").click()
        expect(other_page.get_by_role("button", name="Restore")).to_be_visible()
    # Somebody looks at it again: it asks, but for a second after it asked before.
    look = "() => dispatchEvent(new Event('focus')) && !document.querySelector('#rail #card-%s')"
    wait_until(ada_page, look % film.pk)
    expect(card).to_have_count(0)
    expect(ada_page.locator(f"#stage #card-{selected.pk}")).to_be_visible()


def test_credits_are_counted_by_the_same_poll(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[quick] A cat")
    press_generate(page)
    expect(selected_card(page, "completed")).to_be_visible()
    expect(page.locator("#usage")).to_contain_text("8.16")


def test_the_button_hears_of_credits_that_came_back(page, studio):
    Allowance.objects.create(user=studio.owner, credits_limit=100, period="week")
    open_model(page, studio, "grok-imagine-text-to-video")
    button = page.locator("[data-action=generate]")
    before = button.inner_text()
    fill_prompt(page, "[quick] [policy] Something forbidden")
    press_generate(page)
    expect(button).not_to_have_text(before)
    fill_prompt(page, "Typed meanwhile")
    expect(selected_card(page, "failed")).to_be_visible()
    expect(button).to_have_text(before)
    expect(page.locator("textarea[name=prompt]")).to_have_value("Typed meanwhile")


def test_signing_in_by_the_first_link_and_out_again(browser, studio):
    from django.urls import reverse
    from django.utils import timezone

    from evolink_studio.accounts.services import create_sign_in_link

    token = create_sign_in_link(user=studio.owner, now=timezone.now())
    context = browser.new_context()
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url(reverse("welcome", args=[token])))
        assert axe_violations(page) == []
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/create/**")
        page.locator("[popovertarget=account-menu]").click()
        page.locator("#account-menu button[type=submit]").click()
        page.wait_for_url("**/account/login/**")
        sign_in(page, studio)
    context.close()


def test_a_late_answer_to_an_older_poll_does_not_swap_selected_card_and_list(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "[stall] The first")
    press_generate(page)
    expect(selected_card(page, "running")).to_be_visible()
    requests = []
    page.route("**/live/**", lambda route: requests.append(route))
    with page.expect_request("**/live/**"):
        pass
    fill_prompt(page, "[stall] The second")
    press_generate(page)
    expect(selected_card(page)).to_contain_text("The second")
    requests.pop(0).continue_()
    page.unroute("**/live/**")
    expect(page.locator("#rail [data-status=running]")).to_contain_text("The first")
    page.wait_for_timeout(3000)
    expect(selected_card(page)).to_contain_text("The second")
    expect(page.locator("#stage article")).to_have_class("stage-card")
    expect(page.locator("#rail article")).to_have_class("card")
