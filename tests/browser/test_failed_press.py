"""A press that was not taken: a true sentence, everything kept, one press away from going on."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils.crypto import get_random_string
from playwright.sync_api import Browser, Page, expect

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.browser.steps import (
    SUBMIT_URL,
    add_shot,
    choose_option,
    fill_prompt,
    open_model,
    press_generate,
    selected_card,
    upload_image,
    wait_until_idle,
)
from tests.factories import GenerationFactory
from tests.sample_images import make_image

VEO, KLING = "veo3.1-pro", "kling-o3-image-to-video"


def sign_in_by_cookie(page: Page, base_url: str, user: User) -> None:
    """As a sign-in in another tab: a new session, and a new secret for the forms."""
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    page.context.clear_cookies()
    page.context.add_cookies(
        [
            {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base_url},
            {"name": "csrftoken", "value": get_random_string(32), "url": base_url},
        ]
    )


@pytest.fixture
def form_page(browser: Browser, idle_studio, tmp_path) -> Iterator[Page]:
    """A form with a prompt, a choice and a picture, in a browser that may report failures."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in_by_cookie(page, idle_studio.base_url, idle_studio.owner)
    open_model(page, idle_studio, VEO)
    fill_prompt(page, "A cat")
    choose_option(page, "aspect_ratio", "9:16")
    upload_image(page, tmp_path, "image_urls")
    wait_until_idle(page)
    yield page
    context.close()


def expect_everything_kept(page: Page) -> None:
    expect(page.locator("textarea[name=prompt]")).to_have_value("A cat")
    expect(page.locator("[name=aspect_ratio][value='9:16']")).to_be_checked()
    expect(page.locator("[data-media-item]")).to_have_count(1)


def press_again_and_expect_one_film(page: Page) -> None:
    expect_everything_kept(page)
    press_generate(page)
    expect(selected_card(page)).to_be_visible()
    generation = Generation.objects.get()
    assert (generation.prompt, generation.inputs.count()) == ("A cat", 1)


def test_a_press_offline_says_so_and_goes_out_later(form_page):
    form_page.context.set_offline(True)
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text("You are offline, so nothing was")
    assert Generation.objects.count() == 0
    form_page.context.set_offline(False)
    press_again_and_expect_one_film(form_page)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "did not take this press, so nothing was sent"),
        (413, "more than the studio takes at once, so nothing was sent"),
        (429, "too many requests in a short time, so nothing was sent"),
        (500, "may have been taken or not"),
        (502, "may have been taken or not"),
        (503, "may have been taken or not"),
    ],
)
def test_an_answer_that_is_no_form_is_explained(form_page, status, words):
    form_page.route(SUBMIT_URL, lambda route: route.fulfill(status=status))
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text(words)
    form_page.unroute(SUBMIT_URL)
    press_again_and_expect_one_film(form_page)


def test_a_lost_answer_is_no_second_film(form_page):
    def lose_answer(route):
        route.fetch()
        route.abort()

    form_page.route(SUBMIT_URL, lose_answer)
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_be_visible()
    form_page.unroute(SUBMIT_URL)
    press_again_and_expect_one_film(form_page)


def test_a_lost_answer_to_settings_left_as_they_are_is_no_second_film(form_page, idle_studio):
    """Nothing was typed, and the page is loaded again. Nor does the next page say that nothing
    was sent: nobody knows that."""
    film = GenerationFactory(owner=idle_studio.owner, state=State.COMPLETED, prompt="A dog")
    form_page.goto(idle_studio.build_url(f"/create/{VEO}/?from={film.pk}"))

    def lose_answer(route):
        route.fetch()
        route.fulfill(status=502)

    form_page.route(SUBMIT_URL, lose_answer)
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text("may have been taken or not")
    form_page.unroute(SUBMIT_URL)
    for load in (form_page.reload, lambda: open_model(form_page, idle_studio, VEO)):
        load()
        expect(form_page.locator("textarea[name=prompt]")).to_have_value("A dog")
        wait_until_idle(form_page)
        expect(form_page.locator("#press-status")).to_be_hidden()
    press_generate(form_page)
    assert Generation.objects.exclude(pk=film.pk).count() == 1


def test_a_lost_csrf_cookie_costs_one_more_press(form_page):
    form_page.context.clear_cookies(name="csrftoken")
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text("nothing was sent")
    expect(form_page.locator("#press-status")).to_contain_text("press Generate once more")
    assert Generation.objects.count() == 0
    press_again_and_expect_one_film(form_page)


def test_a_lost_csrf_cookie_stops_no_change_and_no_upload(form_page, tmp_path):
    form_page.context.clear_cookies(name="csrftoken")
    upload_image(form_page, tmp_path, "image_urls")
    expect(form_page.locator("[data-media-item]")).to_have_count(2)
    form_page.context.clear_cookies(name="csrftoken")
    form_page.locator("label", has_text="16:9").first.click()
    wait_until_idle(form_page)
    expect(form_page.locator("[name=aspect_ratio][value='16:9']")).to_be_checked()
    expect(form_page.locator("#press-status")).to_be_hidden()


def test_signing_in_again_in_another_tab_costs_one_more_press(form_page, idle_studio):
    sign_in_by_cookie(form_page, idle_studio.base_url, idle_studio.owner)
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text("press Generate once more")
    press_again_and_expect_one_film(form_page)


def test_a_page_of_somebody_else_sends_nothing(form_page, idle_studio):
    eve = User.objects.create_user("eve", "", "a-long-secret")
    sign_in_by_cookie(form_page, idle_studio.base_url, eve)
    for _ in range(2):
        form_page.click("[data-action=generate]")
        expect(form_page.locator("#press-status")).to_contain_text("Somebody else is signed in")
        wait_until_idle(form_page)
    expect_everything_kept(form_page)
    assert Generation.objects.count() == 0


def sign_in(page: Page) -> None:
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", "a-long-secret")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/create/**")


def sign_in_again(page: Page) -> None:
    sign_in(page)
    expect(page.locator("#press-status")).to_contain_text("here again")


def test_after_signing_in_again_everything_is_back(form_page, tmp_path):
    form_page.context.clear_cookies(name="sessionid")
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text("signed out, so nothing was sent")
    expect_everything_kept(form_page)
    picture = tmp_path / "second.png"
    picture.write_bytes(make_image(width=640, height=360))
    form_page.set_input_files("input[type=file][name=image_urls]", picture)
    error = form_page.locator("[data-error-for=image_urls]")
    expect(error).to_contain_text("You are signed out")
    form_page.click(".press-sign-in")
    sign_in_again(form_page)
    press_again_and_expect_one_film(form_page)


def test_a_page_that_leads_to_sign_in_by_itself_keeps_everything_too(form_page):
    form_page.context.clear_cookies(name="sessionid")
    form_page.locator("[popovertarget=model-picker]").first.click()  # which asks for the models
    form_page.wait_for_url("**/account/login/**")
    sign_in_again(form_page)
    press_again_and_expect_one_film(form_page)


def test_what_was_sent_is_not_said_to_be_unsent_after_signing_in_again(form_page):
    press_generate(form_page)
    expect(selected_card(form_page)).to_be_visible()
    form_page.context.clear_cookies(name="sessionid")
    form_page.locator("[popovertarget=model-picker]").first.click()  # which asks for the models
    form_page.wait_for_url("**/account/login/**")
    sign_in(form_page)
    wait_until_idle(form_page)
    expect(form_page.locator("#press-status")).to_be_hidden()
    expect(selected_card(form_page)).to_be_visible()


def test_on_the_way_to_the_settings_of_a_film_nothing_is_lost_either(form_page, idle_studio):
    film = GenerationFactory(owner=idle_studio.owner, state=State.COMPLETED, prompt="A dog")
    form_page.goto(idle_studio.build_url(f"/create/{VEO}/?show={film.pk}"))
    link = form_page.locator("#stage a", has_text="Use these settings")
    fill_prompt(form_page, "Half a thought")
    # Two requests without a token would each bring one, and only the later of them is valid.
    with form_page.expect_response("**/refresh/"):
        form_page.press("[name=prompt]", "Tab")
    wait_until_idle(form_page)
    form_page.context.clear_cookies(name="csrftoken")
    link.click()
    form_page.wait_for_url(f"**from={film.pk}**")
    expect(form_page.locator("textarea[name=prompt]")).to_have_value("A dog")
    form_page.locator("[data-note]").get_by_role("link", name="Undo").click()
    expect(form_page.locator("textarea[name=prompt]")).to_have_value("Half a thought")
    form_page.goto(idle_studio.build_url(f"/create/{VEO}/?show={film.pk}"))
    form_page.context.clear_cookies(name="sessionid")
    fill_prompt(form_page, "A whole thought")
    link.click()
    form_page.wait_for_url("**/account/login/**")
    sign_in_again(form_page)
    expect(form_page.locator("textarea[name=prompt]")).to_have_value("A whole thought")


def test_shots_are_back_after_signing_in_again(form_page, idle_studio):
    open_model(form_page, idle_studio, KLING)
    choose_option(form_page, "multi_shot", "true")
    form_page.fill("[name=shots-0-prompt]", "Shot 0")
    add_shot(form_page, 1)
    form_page.fill("[name=shots-1-prompt]", "Shot 1")
    form_page.context.clear_cookies()
    form_page.press("[name=shots-1-prompt]", "Control+Enter")
    form_page.click(".press-sign-in")
    sign_in_again(form_page)
    for number in range(2):
        expect(form_page.locator(f"[name=shots-{number}-prompt]")).to_have_value(f"Shot {number}")


def test_a_press_stops_when_the_price_cannot_be_read(form_page):
    form_page.route("**/refresh/", lambda route: route.fulfill(status=429))
    form_page.locator("label", has_text="1080p").first.click()
    expect(form_page.locator("#press-status")).to_contain_text("could not be brought up to date")
    form_page.click("[data-action=generate]")
    expect(form_page.locator("#press-status")).to_contain_text(
        "Nothing was sent, because the price"
    )
    assert Generation.objects.count() == 0
    form_page.unroute("**/refresh/")
