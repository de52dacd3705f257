"""A guest with a link, in a browser without a session; and who made the link."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.sharing import services
from evolink_studio.sharing.models import Comment, Share
from tests.browser.conftest import open_watched_page, sign_in
from tests.browser.steps import axe_violations, wait_until
from tests.sample_films import make_clip, make_film


@pytest.fixture
def films(studio):
    return [
        make_film(
            studio.owner, clip=make_clip(studio.owner, seconds=4, width=320, height=180), title=name
        )
        for name in ("The hero shot", "The waves")
    ]


def share(studio, *films, **options) -> tuple[Share, str]:
    ids = [film.pk for film in films]
    return services.create_share(
        owner=studio.owner, generation_ids=ids, now=timezone.now(), **options
    )


@pytest.mark.parametrize("width", [1440, 390])
def test_a_guest_comments_at_a_time_finds_it_again_and_approves(browser, studio, films, width):
    _, token = share(studio, films[0])
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 400)
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url(f"/s/{token}/"))
        assert context.cookies() == []
        wait_until(page, "document.querySelector('video').readyState > 0")
        page.evaluate("document.querySelector('video').currentTime = 1.5")
        expect(page.locator(".answer-time output")).to_have_text("0:01.5")
        page.fill("[name=text]", "Brighter here")
        page.fill("[name=guest_name]", "Grace")
        page.click("button[value='']")
        comment = page.locator(".comment")
        expect(comment).to_contain_text("Brighter here")
        expect(page.locator("[name=guest_name]")).to_have_value("Grace")
        expect(page.locator("[name=text]")).to_have_value("")
        page.evaluate("document.querySelector('video').currentTime = 0")
        expect(page.locator(".answer-time output")).to_have_text("0:00.0")
        comment.locator("[data-seek]").click()
        wait_until(page, "Math.abs(document.querySelector('video').currentTime - 1.5) < 0.01")
        page.click("button[value=changes]")
        expect(page.locator(".errors")).to_contain_text("Say what should change.")
        page.click("button[value=approved]")
        expect(page.locator(".verdict")).to_contain_text("Approved")
        page.reload()
        expect(page.locator("[name=guest_name]")).to_have_value("Grace")
    context.close()
    assert [comment.verdict for comment in Comment.objects.order_by("pk")] == ["", "approved"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "width"), [("en-GB", 1440), ("de-DE", 390)])
def test_no_page_of_a_guest_breaks_a_rule_or_is_too_wide(
    browser, studio, films, scheme, locale, width
):
    made, token = share(studio, *films, is_comparison=True, has_prompt=True)
    services.record_answer(
        share=made,
        generation=films[0],
        guest_name="Grace",
        text="W" * 200,
        second=1,
        verdict="changes",
        now=timezone.now(),
    )
    context = browser.new_context(
        viewport={"width": width, "height": 844}, locale=locale, color_scheme=scheme
    )
    with open_watched_page(context, studio.base_url) as page:
        for path in (f"/s/{token}/", "/s/nothing/"):
            page.goto(studio.build_url(path))
            assert (path, axe_violations(page)) == (path, [])
            assert page.locator("html").get_attribute("lang") == locale[:2]
            is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert (path, is_too_wide) == (path, False)
    context.close()


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)], ids=str)
@pytest.mark.parametrize(("width", "height"), [(180, 320), (320, 180)], ids=["upright", "wide"])
def test_the_screen_has_the_shape_of_the_film(browser, studio, size, width, height):
    clip = make_clip(studio.owner, seconds=1, width=width, height=height)
    _, token = share(studio, make_film(studio.owner, clip=clip, title="The tower"))
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url(f"/s/{token}/"))
        wait_until(page, "document.querySelector('video').readyState > 0")
        screen = page.locator(".shared-screen").bounding_box()
        assert screen == page.locator("video").bounding_box()
        assert screen["width"] / screen["height"] == pytest.approx(width / height, rel=0.01)
        assert screen["height"] <= 0.72 * size[1] + 1
        is_as_large_as_it_can = screen["width"] > 0.85 * size[0] or screen["height"] > 400
        assert is_as_large_as_it_can
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    context.close()


def test_films_side_by_side_play_together(browser, studio, films):
    _, token = share(studio, *films, is_comparison=True)
    context = browser.new_context(viewport={"width": 1440, "height": 844})
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url(f"/s/{token}/"))
        page.click("[data-play-together]")
        wait_until(
            page, "[...document.querySelectorAll('video')].every((film) => film.currentTime > 0.2)"
        )
        page.click("[data-play-together]")
        wait_until(page, "[...document.querySelectorAll('video')].every((film) => film.paused)")
    context.close()


def test_a_link_is_made_copied_and_revoked_and_then_the_guest_finds_nothing(browser, studio, films):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        page.goto(studio.build_url(f"/films/share/?id={films[0].pk}"))
        assert axe_violations(page) == []
        page.click("main button[type=submit]")
        link = page.locator("#share-link").input_value()
        assert "/s/" in link
        assert axe_violations(page) == []
        made = Share.objects.get()
        expect(page).to_have_url(studio.build_url(f"/shares/{made.pk}/"))
        page.reload()
        expect(page.locator("#share-link")).to_have_count(0)
        guest = context.browser.new_page()
        assert guest.goto(link).status == 200
        page.click(f"form[action='/shares/{made.pk}/revoke/'] button")
        expect(page.locator(".share-settings .share-state")).to_have_attribute(
            "data-state", "revoked"
        )
        assert guest.goto(link).status == 404
        guest.close()
        page.goto(studio.build_url("/shares/"))
        assert axe_violations(page) == []
    context.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_verdict_stands_at_its_film_at_once(browser, studio, films, width):
    _, token = share(studio, *films)
    context = browser.new_context(viewport={"width": width, "height": 844})
    with open_watched_page(context, studio.base_url) as page:
        page.goto(studio.build_url(f"/s/{token}/"))
        page.select_option("[name=number]", "2")
        page.fill("[name=guest_name]", "Grace")
        page.click("button[value=approved]")
        expect(page.locator("#film-2-verdict")).to_have_text("Approved")
        expect(page.locator("#film-1-verdict")).to_be_hidden()
        expect(page.locator("#conversation > p .verdict")).to_have_text("1 of 2 approved")
        assert axe_violations(page) == []
    context.close()
