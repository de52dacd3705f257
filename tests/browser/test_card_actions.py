"""What can be done with a form before the press, and with a card after it."""

from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.states import LIVE_STATES
from tests.browser.states import put, row, show
from tests.browser.steps import violations, write
from tests.factories import VEO

# --- before the press -------------------------------------------------------------------------


def test_a_draft_is_restored_and_can_be_left(desk, still):
    Draft.objects.create(
        owner=still.owner, model_id=VEO, values={"prompt": "A whale"}, saved_at=timezone.now()
    )
    desk.goto(still.url(f"/create/{VEO}/"))
    note = desk.locator("[data-note]")
    expect(note).to_contain_text("Restored from your last visit.")
    expect(desk.locator("[name=prompt]")).to_have_value("A whale")
    assert violations(desk) == []
    note.get_by_role("button").click()
    expect(note).to_have_count(0)
    desk.reload()
    note.get_by_role("link", name="Start afresh").click()
    expect(desk.locator("[name=prompt]")).to_have_value("")


def test_while_the_rules_are_checked_the_button_says_so_and_that_it_is_free(desk, still):
    desk.goto(still.url(f"/create/{VEO}/"))
    write(desk, "A whale")
    held = []
    desk.route(f"**/create/{VEO}/", lambda route: held.append(route))
    checking = desk.get_by_text("Checking the rules…")
    expect(checking).to_be_hidden()
    with desk.expect_request(f"**/create/{VEO}/"):
        desk.click("[data-action=generate]")
    expect(checking).to_contain_text("Nothing is charged by that.")
    expect(checking).to_be_visible()
    held.pop().continue_()
    expect(desk.locator("#stage [data-status=queued]")).to_be_visible()
    expect(checking).to_be_hidden()


# --- what a card does -------------------------------------------------------------------------


def test_what_is_no_longer_watched_leaves_goes_on_and_comes_back(desk, still, tmp_path):
    running = put(still, row("accepted"), tmp_path)
    show(desk, still, running)
    stage = desk.locator("#stage")
    stage.get_by_role("button", name="Stop watching").click()
    expect(stage).to_contain_text(
        "You stopped watching this. EvoLink goes on, and 25.7 credits stay reserved."
    )
    expect(desk.locator("#poller[hx-get]")).to_have_count(0)  # its last question was answered
    assert violations(desk) == []
    desk.goto(still.url("/"))
    expect(desk.locator("[data-generation]")).to_have_count(0)

    desk.goto(still.url("/films/"))
    desk.get_by_role("link", name="In the making").click()
    expect(desk.locator(".gallery-item")).to_contain_text("not watched")
    assert violations(desk) == []
    desk.get_by_role("button", name="Watch again").click()
    expect(stage.locator("[data-status=running]")).to_be_visible()
    expect(desk.locator("#poller[hx-get]")).to_have_count(1)
    assert Generation.objects.get().state in LIVE_STATES


def test_a_small_card_is_put_away_in_its_place_and_comes_back_onto_the_stage(desk, still, tmp_path):
    small, large = (put(still, row("accepted"), tmp_path) for _each in range(2))
    show(desk, still, large)
    card = desk.locator(f"#rail [data-generation='{small.pk}']")
    card.get_by_role("button", name="Stop watching").click()
    expect(card).to_contain_text("You stopped watching this.")
    card.get_by_role("button", name="Watch again").click()
    staged = desk.locator(f"#stage [data-generation='{small.pk}']")
    expect(staged.get_by_role("button", name="Stop watching")).to_be_visible()
    expect(desk.locator("#poller[hx-get]")).to_have_count(1)


def test_a_pause_is_told_while_the_page_just_stands_there(desk, still, tmp_path):
    running = put(still, row("accepted"), tmp_path)
    desk.clock.install()
    show(desk, still, running)
    stage = desk.locator("#stage")
    expect(stage).to_contain_text("about 3 minutes left")
    expect(stage.locator(".progress-pause")).to_be_hidden()
    desk.clock.fast_forward(100_000)
    expect(stage).to_contain_text("about 80 seconds left")
    desk.clock.fast_forward(260_000)
    expect(stage).to_contain_text("this one takes longer")
    expect(stage.locator(".progress-pause")).to_have_text(
        "No change for 6 minutes; models often pause like this."
    )


def test_a_failure_opens_the_form_at_the_field_that_evolink_named(desk, still, tmp_path):
    fields = {"error_code": "invalid_parameter", "error_field": "quality"}
    failed = put(still, row("failed, to be changed"), tmp_path, **fields, error_text="No 4k today.")
    desk.goto(still.url("/films/"))
    desk.get_by_role("link", name="Failed and cancelled").click()
    expect(desk.locator(f"#gallery-item-{failed.pk}")).to_contain_text("Not charged")
    assert violations(desk) == []
    desk.get_by_role("link", name="Change and try again").click()
    expect(desk.locator("[data-error-for=quality]")).to_have_text("No 4k today.")
    expect(desk.locator("[data-error-for=quality]")).to_be_in_viewport()
    expect(desk.locator("[data-note]")).to_have_text("Sending it again is a new paid generation.")
    assert violations(desk) == []


def test_support_details_are_copied_with_one_press(desk, still, tmp_path):
    failed = put(still, row("failed, to be tried again"), tmp_path)
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(desk, still, failed)
    desk.locator("#stage summary", has_text="Details").click()
    desk.locator("#stage").get_by_role("button", name="Copy support details").click()
    expect(desk.locator("#announcer")).to_have_text("Copied.")
    copied = desk.evaluate("navigator.clipboard.readText()")
    assert f"Number here: {failed.pk}" in copied
    assert f"Task at EvoLink: {failed.task_id}" in copied
    assert "Code: service_error" in copied
