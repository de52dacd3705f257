"""What can be done with a form before the press, and with a card after it."""

from django.utils import timezone
from playwright.sync_api import expect

from evolink_studio.generations.models import Draft, Generation
from evolink_studio.generations.states import LIVE_STATES
from tests.browser.states import create_generation_as, get_expected_card, open_generation
from tests.browser.steps import axe_violations, fill_prompt
from tests.factories import VEO

# --- before the press -------------------------------------------------------------------------


def test_a_draft_is_restored_and_can_be_left(ada_page, idle_studio):
    Draft.objects.create(
        owner=idle_studio.owner, model_id=VEO, values={"prompt": "A whale"}, saved_at=timezone.now()
    )
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/"))
    note = ada_page.locator("[data-note]")
    expect(note).to_contain_text("Restored from your last visit.")
    expect(ada_page.locator("[name=prompt]")).to_have_value("A whale")
    assert axe_violations(ada_page) == []
    note.get_by_role("button").click()
    expect(note).to_have_count(0)
    ada_page.reload()
    note.get_by_role("link", name="Start afresh").click()
    expect(ada_page.locator("[name=prompt]")).to_have_value("")


def test_while_the_rules_are_checked_the_button_says_so_and_that_it_is_free(ada_page, idle_studio):
    ada_page.goto(idle_studio.build_url(f"/create/{VEO}/"))
    fill_prompt(ada_page, "A whale")
    requests = []
    ada_page.route(f"**/create/{VEO}/", lambda route: requests.append(route))
    checking = ada_page.get_by_text("Checking the rules…")
    expect(checking).to_be_hidden()
    with ada_page.expect_request(f"**/create/{VEO}/"):
        ada_page.click("[data-action=generate]")
    expect(checking).to_contain_text("Nothing is charged by that.")
    expect(checking).to_be_visible()
    requests.pop().continue_()
    expect(ada_page.locator("#stage [data-status=queued]")).to_be_visible()
    expect(checking).to_be_hidden()


# --- what a card does -------------------------------------------------------------------------


def test_what_is_dismissed_leaves_goes_on_and_comes_back(ada_page, idle_studio, tmp_path):
    running = create_generation_as(idle_studio, get_expected_card("accepted"), tmp_path)
    open_generation(ada_page, idle_studio, running)
    stage = ada_page.locator("#stage")
    stage.get_by_role("button", name="Stop watching").click()
    expect(stage).to_contain_text(
        "You stopped watching this. EvoLink goes on, and 25.7 credits stay reserved."
    )
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(0)  # its last question was answered
    assert axe_violations(ada_page) == []
    ada_page.goto(idle_studio.build_url("/"))
    expect(ada_page.locator("[data-generation]")).to_have_count(0)

    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.get_by_role("link", name="In the making 1").click()
    expect(ada_page.locator("article[data-generation]")).to_contain_text("not watched")
    assert axe_violations(ada_page) == []
    ada_page.get_by_role("button", name="Watch again").click()
    expect(stage.locator("[data-status=running]")).to_be_visible()
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(1)
    assert Generation.objects.get().state in LIVE_STATES


def test_a_small_card_is_dismissed_in_its_place_and_comes_back_as_the_selected_card(
    ada_page, idle_studio, tmp_path
):
    small, large = (
        create_generation_as(idle_studio, get_expected_card("accepted"), tmp_path)
        for _each in range(2)
    )
    open_generation(ada_page, idle_studio, large)
    card = ada_page.locator(f"#rail [data-generation='{small.pk}']")
    card.hover()
    card.get_by_role("button", name="Stop watching").click()
    expect(card).to_contain_text("You stopped watching this.")
    card.get_by_role("button", name="Watch again").click()
    staged_card = ada_page.locator(f"#stage [data-generation='{small.pk}']")
    expect(staged_card.get_by_role("button", name="Stop watching")).to_be_visible()
    expect(ada_page.locator("#poller[hx-get]")).to_have_count(1)


def test_a_pause_is_told_while_the_page_just_stands_there(ada_page, idle_studio, tmp_path):
    running = create_generation_as(idle_studio, get_expected_card("accepted"), tmp_path)
    ada_page.clock.install()
    open_generation(ada_page, idle_studio, running)
    stage = ada_page.locator("#stage")
    expect(stage).to_contain_text("about 3 minutes left")
    expect(stage.locator(".progress-pause")).to_be_hidden()
    ada_page.clock.fast_forward(100_000)
    expect(stage).to_contain_text("about 80 seconds left")
    ada_page.clock.fast_forward(260_000)
    expect(stage).to_contain_text("this one takes longer")
    expect(stage.locator(".progress-pause")).to_have_text(
        "No change for 6 minutes; models often pause like this."
    )


def test_a_failure_opens_the_form_at_the_field_that_evolink_named(ada_page, idle_studio, tmp_path):
    fields = {"error_code": "invalid_parameter", "error_field": "quality"}
    failed_generation = create_generation_as(
        idle_studio,
        get_expected_card("failed, to be changed"),
        tmp_path,
        **fields,
        error_text="No 4k today.",
    )
    ada_page.goto(idle_studio.build_url("/films/"))
    ada_page.get_by_role("link", name="Failed and cancelled").click()
    expect(ada_page.locator(f"#film-{failed_generation.pk}")).to_contain_text("Not charged")
    assert axe_violations(ada_page) == []
    ada_page.get_by_role("link", name="Change and try again").click()
    expect(ada_page.locator("[data-error-for=quality]")).to_have_text("No 4k today.")
    expect(ada_page.locator("[data-error-for=quality]")).to_be_in_viewport()
    expect(ada_page.locator("[data-note]")).to_have_text(
        "Sending it again is a new paid generation."
    )
    assert axe_violations(ada_page) == []


def test_support_details_are_copied_with_one_press(ada_page, idle_studio, tmp_path):
    failed_generation = create_generation_as(
        idle_studio, get_expected_card("failed, to be tried again"), tmp_path
    )
    ada_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_generation(ada_page, idle_studio, failed_generation)
    ada_page.locator("#stage summary", has_text="Details").click()
    ada_page.locator("#stage").get_by_role("button", name="Copy support details").click()
    expect(ada_page.locator("#announcer")).to_have_text("Copied.")
    copied_text = ada_page.evaluate("navigator.clipboard.readText()")
    assert f"Number here: {failed_generation.pk}" in copied_text
    assert f"Task at EvoLink: {failed_generation.task_id}" in copied_text
    assert "Code: service_error" in copied_text
