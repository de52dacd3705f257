"""Films are selected and kept in order, with a mouse, a keyboard, a finger, and without scripts."""

import io
import zipfile
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from evolink_studio.films.models import Tag
from evolink_studio.generations.models import Generation
from tests.browser.conftest import LiveStudio, sign_in
from tests.browser.steps import axe_violations
from tests.factories import NOW
from tests.films.films import make_film

TICKS = "[data-generation] .select-tick input"


def make_films(studio: LiveStudio, count: int) -> list[Generation]:
    """The newest comes first, as on the page."""
    return [
        make_film(
            studio.owner,
            title=f"Shot {number}",
            prompt=f"Shot {number}",
            created_at=NOW - timedelta(hours=number),
        )
        for number in range(count)
    ]


def open_films(page: Page, studio: LiveStudio, path: str = "/films/") -> None:
    page.goto(studio.build_url(path))
    page.locator("[data-select-start]").click()
    expect(page.locator("[data-select-bar]")).to_be_visible()


def tick(page: Page, number: int, **options) -> None:
    page.locator(".select-tick").nth(number).click(**options)


def test_films_are_ticked_one_by_one_and_as_a_range_and_starred_at_once(ada_page, idle_studio):
    films = make_films(idle_studio, 5)
    open_films(ada_page, idle_studio)
    tick(ada_page, 0)
    expect(ada_page.locator("[data-select-count]")).to_have_text("1 film selected")
    tick(ada_page, 3, modifiers=["Shift"])
    expect(ada_page.locator("[data-select-count]")).to_have_text("4 films selected")
    tick(ada_page, 1)
    expect(ada_page.locator("#announcer")).to_have_text("3 films selected")
    assert axe_violations(ada_page) == []

    ada_page.locator("[data-select-bar] [value=star]").click()
    expect(ada_page.locator(".change-notice")).to_contain_text("3 films starred.")
    expect(ada_page.locator(".change-notice")).to_be_in_viewport()
    starred = Generation.objects.filter(starred_at__isnull=False).values_list("pk", flat=True)
    assert set(starred) == {films[0].pk, films[2].pk, films[3].pk}
    expect(ada_page.locator(f"{TICKS}:checked")).to_have_count(3)

    ada_page.locator(".change-notice button").click()
    expect(ada_page.locator(".change-notice")).to_contain_text("Taken back for 3 films.")
    assert not Generation.objects.filter(starred_at__isnull=False).exists()


def test_what_is_deleted_leaves_the_page_and_comes_back_with_the_undo(ada_page, idle_studio):
    films = make_films(idle_studio, 3)
    open_films(ada_page, idle_studio)
    tick(ada_page, 1)
    ada_page.locator("[data-select-bar] [value=trash]").click()
    deleted_tile = ada_page.locator(f"article[data-generation='{films[1].pk}']")
    expect(deleted_tile).to_have_count(0)
    expect(ada_page.locator(".change-notice")).to_contain_text("1 film is in the trash")
    ada_page.locator(".change-notice button").click()
    expect(deleted_tile).to_have_count(1)

    tick_again = ada_page.locator(f"article[data-generation='{films[1].pk}'] .select-tick")
    ada_page.locator("[data-select-start]").click()
    tick_again.click()
    ada_page.locator("[data-select-bar] [value=trash]").click()
    expect(deleted_tile).to_have_count(0)
    open_films(ada_page, idle_studio, "/films/trash/")
    tick(ada_page, 0)
    ada_page.locator("[data-select-bar] [value=restore]").click()
    expect(ada_page.locator(".change-notice")).to_contain_text("1 film is back.")
    expect(ada_page.locator("article[data-generation]")).to_have_count(0)


def test_a_zip_is_downloaded_and_the_selection_stays(ada_page, idle_studio):
    make_films(idle_studio, 2)
    open_films(ada_page, idle_studio)
    tick(ada_page, 0)
    tick(ada_page, 1)
    with ada_page.expect_download() as download:
        ada_page.locator("[data-select-bar] [value=zip]").click()
    archive = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    assert len(archive.namelist()) == 4
    expect(ada_page.locator("[data-select-count]")).to_have_text("2 films selected")


def test_a_keyboard_selects_tags_and_leaves(ada_page, idle_studio):
    make_films(idle_studio, 3)
    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.locator("[data-select-start]").focus()
    ada_page.keyboard.press("Enter")
    expect(ada_page.locator(TICKS).first).to_be_focused()
    ada_page.keyboard.press("Space")
    expect(ada_page.locator("[data-select-count]")).to_have_text("1 film selected")
    ada_page.keyboard.press("Control+a")
    expect(ada_page.locator("[data-select-count]")).to_have_text("3 films selected")

    ada_page.locator("[popovertarget=select-tag]").focus()
    ada_page.keyboard.press("Enter")
    field = ada_page.locator("#select-tag-name")
    expect(field).to_be_visible()
    field.fill("hero")
    field.press("Enter")
    expect(ada_page.locator(".change-notice")).to_contain_text("3 films tagged “hero”.")
    assert Tag.objects.get().generations.count() == 3
    expect(field).to_be_hidden()

    ada_page.keyboard.press("Escape")
    expect(ada_page.locator("[data-select-bar]")).to_be_hidden()
    expect(ada_page.locator("[data-select-start]")).to_be_focused()


def test_while_one_selects_a_film_is_a_large_box_and_else_a_link(ada_page, idle_studio):
    make_films(idle_studio, 2)
    open_films(ada_page, idle_studio)
    ada_page.locator("[data-generation] h3 a").first.click()
    expect(ada_page.locator("[data-select-count]")).to_have_text("1 film selected")
    ada_page.locator("[data-select-end]").click()
    ada_page.locator("[data-generation] h3 a").first.click()
    expect(ada_page).not_to_have_url(idle_studio.build_url("/films/"))


@pytest.mark.parametrize("path", ["/films/", "/films/trash/"])
def test_on_a_phone_the_bar_lies_at_the_bottom_and_fits_a_finger(browser, idle_studio, path):
    films = make_films(idle_studio, 2)
    if "trash" in path:
        Generation.objects.filter(pk__in=[film.pk for film in films]).update(trashed_at=NOW)
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="de-DE"
    )
    page = context.new_page()
    sign_in(page, idle_studio)
    page.goto(idle_studio.build_url(path))
    page.locator("[data-select-start]").tap()
    page.locator(".select-tick").first.tap()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.locator("[data-select-bar] button:visible, .select-tick").all():
        box = button.bounding_box()
        assert box, button
        assert (box["width"] >= 44, box["height"] >= 44) == (True, True), button.inner_text()
    expect(page.locator("[data-select-bar]")).to_be_in_viewport(ratio=1)
    assert axe_violations(page) == []
    context.close()


def test_without_scripts_the_boxes_and_the_bar_are_a_plain_form(browser, idle_studio):
    films = make_films(idle_studio, 2)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, idle_studio)
    page.goto(idle_studio.build_url("/films/"))
    page.locator(TICKS).first.check()
    page.locator("[data-select-bar] [value=trash]").click()
    expect(page.locator(".banner:visible")).to_contain_text("1 film is in the trash")
    expect(page.locator("article[data-generation]")).to_have_count(1)
    page.locator("[form=undo-form]").click()
    expect(page.locator("article[data-generation]")).to_have_count(2)
    assert not Generation.objects.filter(pk=films[0].pk, trashed_at__isnull=False).exists()
    context.close()


@pytest.mark.parametrize("size", [(1440, 800), (820, 1000), (390, 844)], ids=str)
@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("tag", ["x" * 41, "Kunde, hoch"], "1 film tagged “Kunde, hoch”."),
        ("collection", [" ", "Kunde, hoch"], "1 film added to the collection."),
    ],
)
def test_a_refused_name_is_read_in_its_dialog(ada_page, idle_studio, size, name, values, sentence):
    make_films(idle_studio, 2)
    ada_page.set_viewport_size({"width": size[0], "height": size[1]})
    open_films(ada_page, idle_studio)
    tick(ada_page, 0)
    ada_page.click(f"[popovertarget=select-{name}]")
    dialog, field = ada_page.locator(f"#select-{name}"), ada_page.locator(f"#select-{name}-name")
    field.fill(values[0])
    field.press("Enter")
    refusal = dialog.get_by_role("alert")
    expect(refusal).to_contain_text("Nothing was changed.")
    expect(refusal).to_be_in_viewport(ratio=1)
    expect(field).to_be_focused()
    assert axe_violations(ada_page) == []

    field.fill(values[1])
    field.press("Enter")
    expect(dialog).to_be_hidden()
    expect(ada_page.locator("#change-notices")).to_contain_text(sentence)
    expect(ada_page.locator("[role=alert].change-notice")).to_have_count(0)
