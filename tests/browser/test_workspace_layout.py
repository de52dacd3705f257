"""Stage and rail on a screen: room for the picture, short rows, and nothing that jumps."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.credits.models import Allowance
from evolink_studio.generations.models import Batch, GeneratedVideo, Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.library.models import Asset
from evolink_studio.projects.services import create_project
from tests.browser.conftest import LiveStudio
from tests.browser.states import open_generation
from tests.browser.steps import (
    axe_violations,
    fill_prompt,
    wait_for_next_frames,
    wait_until_idle,
)
from tests.browser.test_loading import LIST_SHIFTS
from tests.factories import VEO, AssetFactory, GenerationFactory
from tests.sample_videos import make_video

LAPTOPS = ((1366, 768), (1280, 720), (1440, 900))
SIZES = (*LAPTOPS, (820, 1180), (390, 844))
RATIOS = {"9:16": (360, 640), "16:9": (640, 360), "1:1": (480, 480)}
MIN_TARGET = 44  # pixels, on a touch screen
WATCH_SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(entry =>
    [entry.value, ...entry.sources.map(({ node }) => node?.id || node?.className)])))
    .observe({ type: "layout-shift", buffered: false });
}"""


@pytest.fixture
def add_film(idle_studio, tmp_path: Path) -> Callable[..., Generation]:
    """Saves a film of this ratio for a generation, a new completed one by default."""

    def add(ratio: str = "16:9", generation: Generation | None = None, position: int = 0):
        width, height = RATIOS[ratio]
        generation = generation or create_at(
            idle_studio, 0, state=State.COMPLETED, params={"aspect_ratio": ratio}
        )
        count = Asset.objects.count()
        path = make_video(tmp_path / f"{count}.mp4", width=width, height=height, seconds=1)
        asset = AssetFactory(
            owner=idle_studio.owner,
            kind="video",
            format="mp4",
            mime="video/mp4",
            width=width,
            height=height,
            content=path.read_bytes() + bytes([count]),  # no two files of a person are the same
        )
        asset.poster = AssetFactory(owner=idle_studio.owner).file
        asset.save()
        GeneratedVideo.objects.create(generation=generation, asset=asset, position=position)
        return generation

    return add


def create_at(studio: LiveStudio, seconds: int, **fields) -> Generation:
    now = timezone.now()
    later = {"next_attempt_at": now + timedelta(hours=1)} if "state" not in fields else {}
    at = now - timedelta(hours=1) + timedelta(seconds=seconds)
    return GenerationFactory(owner=studio.owner, created_at=at, **{**later, **fields})


def create_queue(studio: LiveStudio, running: int, waiting: int) -> list[Generation]:
    """Returns those that wait."""
    for n in range(running):
        create_at(studio, n, state=State.RUNNING, progress=5 * n)
    return [create_at(studio, 60 + n, prompt=f"Number {n}") for n in range(waiting)]


def list_waiting(page: Page) -> list[int]:
    cards = page.locator("#rail [data-status=queued]")
    return cards.evaluate_all("found => found.map(one => Number(one.dataset.generation))")


def open_results(page: Page) -> None:
    if page.locator("[data-tab=results]").is_visible():
        page.locator("[data-tab=results]").click()


# --- the stage --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_film_has_its_own_shape_and_its_actions_are_in_view(
    ada_page, idle_studio, add_film, size
):
    ada_page.set_viewport_size({"width": size[0], "height": size[1]})
    for ratio, (width, height) in RATIOS.items():
        open_generation(ada_page, idle_studio, add_film(ratio))
        open_results(ada_page)
        video = ada_page.locator("#stage video").bounding_box()
        assert video["width"] / video["height"] == pytest.approx(width / height, rel=0.01)
        assert max(video["width"], video["height"]) > 300
        for name in ("Download", "Use this frame"):
            action = ada_page.locator("#stage .actions").get_by_text(name)
            expect(action).to_be_in_viewport(ratio=1)
        assert ada_page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("size", [(1440, 900), (1366, 768), (390, 844)], ids=str)
@pytest.mark.parametrize("ratio", RATIOS)
def test_nothing_moves_when_the_film_comes(ada_page, idle_studio, add_film, size, ratio):
    ada_page.set_viewport_size({"width": size[0], "height": size[1]})
    generation = create_at(
        idle_studio, 0, state=State.SAVING, params={"aspect_ratio": ratio}, credits_estimated=None
    )
    open_generation(ada_page, idle_studio, generation)
    open_results(ada_page)
    before = ada_page.locator("#stage .screen").bounding_box()
    ada_page.evaluate(WATCH_SHIFTS)
    add_film(ratio, generation)
    transition(generation, State.COMPLETED, now=timezone.now())
    expect(ada_page.locator("#stage video")).to_be_visible()
    wait_for_next_frames(ada_page)
    assert ada_page.locator("#stage .screen").bounding_box() == before
    # Its sentences and actions are others; the screen and what stands over them keep their places.
    moved = {name for _value, *names in ada_page.evaluate("window.shifts") for name in names}
    assert not moved & {"screen", "screens", "stage-status", f"screen-{generation.pk}"}


def test_several_results_take_turns_on_the_screen(ada_page, idle_studio, add_film):
    generation = add_film()
    for position in (1, 2):
        add_film(generation=generation, position=position)
    open_generation(ada_page, idle_studio, generation)
    stage = ada_page.locator("#stage")
    expect(stage.locator("video:visible")).to_have_count(1)
    tile = stage.get_by_role("button", name="Result 2")
    tile.focus()
    ada_page.keyboard.press("Enter")
    expect(tile).to_have_attribute("aria-pressed", "true")
    expect(stage.locator("video:visible")).to_have_id(f"video-{generation.pk}-2")
    expect(stage.locator("a[download]:visible")).to_have_count(1)
    assert axe_violations(ada_page) == []


def test_takes_are_switched_between_on_the_stage(ada_page, idle_studio, add_film):
    batch = Batch.objects.create(
        owner=idle_studio.owner,
        kind="takes",
        form_key="6f1c3c0e-5f0c-4f63-9d4a-0c1f4a1b2c3d",
        created_at=timezone.now(),
    )
    takes = [
        create_at(idle_studio, n, state=state, batch=batch)
        for n, state in enumerate((State.RUNNING, State.COMPLETED, State.RUNNING))
    ]
    add_film(generation=takes[1])
    other = add_film()
    open_generation(ada_page, idle_studio, other)
    group = ada_page.locator("#rail .take-group")
    expect(group.locator(".take-title")).to_have_text(["Take 1", "Take 2", "Take 3"])
    assert axe_violations(ada_page) == []
    group.get_by_role("link", name="Take 2").click()
    stage = ada_page.locator("#stage")
    expect(stage.locator("video")).to_be_visible()
    expect(stage.locator("[aria-current]")).to_contain_text("Take 2")
    expect(group).to_have_count(0)
    assert axe_violations(ada_page) == []
    transition(takes[2], State.SAVING, now=timezone.now())
    expect(stage.locator(f"#card-{takes[2].pk}[data-status=saving]")).to_be_visible()
    stage.get_by_role("link", name="Take 1").click()
    expect(stage.locator(f"#take-{takes[0].pk}[aria-current]")).to_be_visible()


# --- the rail ---------------------------------------------------------------------------------


def test_ten_that_run_and_eight_that_wait_are_all_there_in_short_rows(ada_page, idle_studio):
    create_queue(idle_studio, 10, 9)  # the newest is on the stage
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/"))
    cards = ada_page.locator("#rail .card")
    expect(cards).to_have_count(18)
    boxes = [card.bounding_box() for card in cards.all()]
    assert all(64 <= box["height"] <= 72 for box in boxes)
    assert sum(box["y"] + box["height"] <= 900 for box in boxes) >= 8
    expect(ada_page.locator("#queue-strip")).to_contain_text("10 running · 9 waiting")
    assert ada_page.evaluate(LIST_SHIFTS) == []
    assert axe_violations(ada_page) == []


def test_a_turn_is_changed_by_keyboard_and_keeps_the_focus(ada_page, idle_studio):
    waiting = create_queue(idle_studio, 1, 5)
    open_generation(ada_page, idle_studio, waiting[0])
    ids = [row.pk for row in waiting]
    assert list_waiting(ada_page) == ids[1:]
    ada_page.locator(f"#card-{ids[3]}-title a").focus()
    for _ in range(2):
        ada_page.keyboard.press("Tab")
    up_button = ada_page.locator(f"#card-{ids[3]}-up")
    expect(up_button).to_be_focused()
    ada_page.keyboard.press("Enter")
    expect(ada_page.locator("#announcer")).to_contain_text("2 go first")
    expect(ada_page.locator("#rail [data-status=queued]").nth(1)).to_have_id(f"card-{ids[3]}")
    assert list_waiting(ada_page) == [ids[1], ids[3], ids[2], ids[4]]
    expect(up_button).to_be_focused()


def test_all_that_wait_are_cancelled_after_a_question(ada_page, idle_studio):
    waiting = create_queue(idle_studio, 2, 3)
    open_generation(ada_page, idle_studio, waiting[0])
    ada_page.get_by_role("button", name="Cancel waiting").click()
    question = ada_page.get_by_role("dialog", name="Cancel all that wait?")
    expect(question).to_contain_text("nothing is charged")
    assert axe_violations(ada_page) == []
    question.get_by_role("button", name="Let them wait").click()
    expect(question).to_be_hidden()
    ada_page.get_by_role("button", name="Cancel waiting").click()
    question.get_by_role("button", name="Cancel all 3 that wait").click()
    expect(ada_page.locator("#rail [data-note]")).to_contain_text("3 films cancelled.")
    expect(ada_page.locator("#queue-strip")).to_have_text("2 running")
    expect(ada_page.locator("#rail-title")).to_be_focused()
    assert set(Generation.objects.values_list("state", flat=True)) == {"running", "cancelled"}


def test_what_waits_goes_back_into_the_form_and_what_was_typed_is_kept(ada_page, idle_studio):
    waiting = create_queue(idle_studio, 1, 2)
    open_generation(ada_page, idle_studio, waiting[1])
    fill_prompt(ada_page, "Typed and not sent")
    card = ada_page.locator(f"#card-{waiting[0].pk}")
    card.hover()
    card.get_by_role("button", name="Take back and change").click()
    ada_page.wait_for_url(f"**from={waiting[0].pk}**")
    expect(ada_page.locator("[name=prompt]")).to_have_value(waiting[0].params["prompt"])
    expect(ada_page.locator("[data-note]")).to_contain_text("Your draft was replaced and is kept.")
    waiting[0].refresh_from_db()
    assert waiting[0].state == State.CANCELLED


def test_what_begins_keeps_its_place_and_the_scroll_of_the_rail(ada_page, idle_studio):
    waiting = create_queue(idle_studio, 9, 9)
    open_generation(ada_page, idle_studio, waiting[-1])
    link = ada_page.locator(f"#card-{waiting[1].pk}-title a")
    link.focus()
    ada_page.evaluate("document.querySelector('#rail').scrollTop = 300")
    transition(waiting[0], State.SENDING, now=timezone.now())
    expect(ada_page.locator(f"#card-{waiting[0].pk}[data-status=sending]")).to_be_visible()
    assert ada_page.evaluate("document.querySelector('#rail').scrollTop") == 300
    expect(link).to_be_focused()
    ids = ada_page.locator("#rail .card").evaluate_all("found => found.map(one => one.id)")
    assert ids[9:11] == [f"card-{row.pk}" for row in waiting[:2]]


def test_on_a_phone_the_actions_are_a_menu_with_room_for_a_finger(browser, ada_page, idle_studio):
    waiting = create_queue(idle_studio, 1, 3)
    state = ada_page.context.storage_state()
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        storage_state=state,
    )
    page = context.new_page()
    open_generation(page, idle_studio, waiting[0])
    card = page.locator(f"#card-{waiting[2].pk}")
    menu_button = card.get_by_role("button", name="Actions")
    assert menu_button.bounding_box()["height"] >= MIN_TARGET
    menu_button.tap()
    menu = card.locator(".card-actions")
    for action in menu.locator(".card-action").all():
        expect(action).to_be_in_viewport(ratio=1)
        assert action.bounding_box()["height"] >= MIN_TARGET
    assert axe_violations(page) == []
    menu.get_by_role("button", name="Send first").tap()
    expect(menu).to_be_hidden()
    expect(page.locator("#rail [data-status=queued]").first).to_have_id(card.get_attribute("id"))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_a_poster_that_is_gone_leaves_the_icon(ada_page, idle_studio, add_film):
    add_film()
    shown = add_film()
    ada_page.route("**/poster/**", lambda route: route.fulfill(status=404))
    open_generation(ada_page, idle_studio, shown)
    expect(ada_page.locator("#rail .card-thumbnail img")).to_have_attribute("data-broken", "")
    expect(ada_page.locator("#rail .card-thumbnail img")).to_be_hidden()
    expect(ada_page.locator("#rail .card-thumbnail .icon")).to_be_visible()


# --- below the form ---------------------------------------------------------------------------

TEXT_MODELS = (VEO, "grok-imagine-text-to-video", "doubao-seedance-1.0-pro-fast")
MEASURE_FORM = """() => {
  const button = document.querySelector("#generate-button");
  const { offsetHeight } = document.querySelector("#quote");
  const fields = document.querySelector("#fields");
  return {
    height: offsetHeight,
    isButtonWhole: button.scrollWidth <= button.clientWidth
      && button.scrollHeight <= button.clientHeight + 1,
    pageWidth: document.documentElement.scrollWidth,
    hidden: fields.scrollHeight - fields.clientHeight,
  };
}"""


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=str)
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_belongs_to_the_press_takes_three_rows_and_text_models_need_no_scrolling(
    ada_page, idle_studio, size, language
):
    Allowance.objects.create(user=idle_studio.owner, credits_limit=800)  # nearly all of it for Veo
    project = create_project(
        owner=idle_studio.owner, name="Autumn campaign of Northwind", now=timezone.now()
    )
    ada_page.set_viewport_size({"width": size[0], "height": size[1]})
    ada_page.set_extra_http_headers({"Accept-Language": language})
    for model_id in SPECS:
        ada_page.goto(idle_studio.build_url(f"/create/{model_id}/"))
        ada_page.select_option("#field-_project", str(project.pk))
        wait_until_idle(ada_page)
        ada_page.locator("label[for=takes-4]").click()
        expect(ada_page.locator("#generate-button")).to_contain_text("4 ×")
        wait_until_idle(ada_page)
        expect(ada_page.locator("#field-_project")).to_have_value(str(project.pk))
        form = ada_page.evaluate(MEASURE_FORM)
        expect(ada_page.locator("#generate-button")).to_be_in_viewport(ratio=1)
        assert form["isButtonWhole"], model_id
        assert form["pageWidth"] == size[0], model_id
        assert form["height"] <= 160, model_id  # pixels: three rows
        if size[1] == 900 and model_id in TEXT_MODELS:
            assert form["hidden"] <= 0, model_id


def test_what_an_allowance_refuses_says_what_can_be_done_on_a_press(ada_page, idle_studio):
    Allowance.objects.create(user=idle_studio.owner, credits_limit=20)
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/"))
    expect(ada_page.locator("#quote-note")).to_contain_text("This needs 162 credits")
    ada_page.get_by_text("What you can do").click()
    expect(ada_page.locator("#allowance-statuses")).to_contain_text("Ask ada to change that.")
    assert axe_violations(ada_page) == []


FIND_CUT_CHIPS = """() => {
  const column = document.querySelector(".fields").getBoundingClientRect();
  return [...document.querySelectorAll(".fields .chip span, #takes .chip span")].filter((chip) => {
    const box = chip.getBoundingClientRect();
    const row = chip.closest(".chips").getBoundingClientRect();
    const isOutside = box.left < column.left || box.right > Math.min(column.right, row.right) + 1;
    return box.width > 0 && (isOutside || chip.scrollWidth > chip.clientWidth + 1);
  }).map((chip) => chip.textContent.trim());
}"""


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_option_of_a_form_is_cut_off(ada_page, idle_studio, language):
    User.objects.update(language=language)
    for model_id in SPECS:
        ada_page.goto(idle_studio.build_url(f"/create/{model_id}/"))
        assert ada_page.locator(".fields .chip").count()
        for width, height in ((1440, 900), (820, 1180), (390, 844)):
            ada_page.set_viewport_size({"width": width, "height": height})
            assert ada_page.evaluate(FIND_CUT_CHIPS) == [], (model_id, width)


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_buttons_that_make_a_film_again_are_whole_on_a_phone(
    ada_page, idle_studio, add_film, language
):
    User.objects.update(language=language)
    film = add_film("9:16")
    ada_page.set_viewport_size({"width": 390, "height": 844})
    open_generation(ada_page, idle_studio, film)
    open_results(ada_page)
    expect(ada_page.locator("[data-again=loaded]")).to_be_visible()
    boxes = [
        it.bounding_box() for it in ada_page.locator("#stage .again :is(.button, summary)").all()
    ]
    assert boxes
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert all(box["height"] >= MIN_TARGET for box in boxes)
