"""What a person reads about one generation: what happened, what it cost, what to do next."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import Charge, GeneratedVideo, Generation
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.presenters.failure_text import FAILURE_TEXTS, UNKNOWN_FAILURE_TEXT
from evolink_studio.generations.states import State
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage, element_text

pytestmark = pytest.mark.django_db

# EvoLink documentation, stated 2026-11-20: codes of failed tasks, and whether the same request may
# be tried again.
IS_RETRYABLE_BY_CODE = {
    "content_policy_violation": False,
    "invalid_parameters": False,
    "image_processing_error": False,
    "image_dimension_mismatch": False,
    "request_cancelled": False,
    "resource_not_found": False,
    "service_error": True,
    "service_unavailable": True,
    "generation_timeout": True,
    "resource_exhausted": True,
    "quota_exceeded": True,
    "generation_failed_no_content": True,
    "unknown_error": True,
    # Added to 2026-11-29.
    "invalid_audio": False,
    "task_expired": True,
    "task_timeout": True,
    "task_rejected": False,
}
REJECTION_CODES = [
    "invalid_request",
    "invalid_parameter",
    "missing_required_params",
    "unauthorized",
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_token_quota",
    "key_quota_exhausted",
    "key_disabled",
    "key_expired",
    "key_model_not_allowed",
    "model_access_denied",
    "request_too_large_error",
    "rate_limit_exceeded",
    *("ip_restricted", "invalid_media_url", "invalid_token", "user_disabled"),
    *("content_filter", "sensitive_content", "moderation_blocked", "input_moderation_failed"),
    *("quota_not_enough", "account_balance_insufficient"),
    *("token_daily_quota_exceeded", "key_daily_quota_exhausted"),
]


def show_generation(client, **fields) -> tuple[Generation, str]:
    """A generation of Ada's on her page, and the words of its card."""
    ada = User.objects.get(username="ada")
    generation = GenerationFactory(owner=ada, **fields)
    page = ParsedPage(client.get(f"/create/{generation.model_id}/?show={generation.pk}"))
    card_element = page.find_card(generation.pk)
    assert card_element.get("data-status") == generation.state
    return generation, element_text(card_element)


STATE_TEXTS = {
    State.QUEUED: ("Waiting", "Nothing is charged yet; about 162 credits once it is sent."),
    State.SENDING: (
        "Sending it to EvoLink",
        "About 162 credits will be reserved as soon as EvoLink accepts it.",
    ),
    State.UNKNOWN: ("answer was lost", "Whether 162 credits are charged is not clear yet."),
    State.RUNNING: ("0 % · usually 3 minutes", "EvoLink accepted it; 25.7 credits are reserved."),
    State.SAVING: ("Made. Copying it to this server", "25.7 credits were charged."),
    State.COMPLETED: ("Saved here", "25.7 credits were charged."),
    State.FAILED: ("EvoLink could not make this.", "Not charged: 25.7 credits were returned."),
    State.CANCELLED: ("Cancelled before it was sent.", "Nothing was charged."),
}


@pytest.mark.parametrize("state", State)
def test_every_state_says_what_it_is_and_what_it_costs(ada_client, state):
    lease_id = uuid.uuid4() if state == State.SENDING else None
    _, text = show_generation(ada_client, state=state, lease_id=lease_id)
    for sentence in STATE_TEXTS[state]:
        assert sentence in text
    assert str(state.label) in text
    assert "veo3.1-pro" not in text
    assert "A cat playing piano" in text


def test_a_lost_answer_promises_not_to_pay_twice(ada_client):
    _, text = show_generation(ada_client, state=State.UNKNOWN)
    assert "never send it again by ourselves" in text


def test_only_what_was_not_sent_can_be_cancelled(ada_client, ada):
    for state in State:
        generation = GenerationFactory(owner=ada, state=state)
        assert present_card(generation, now=NOW).can_cancel is (state == State.QUEUED)


# --- failures ---------------------------------------------------------------------------------


def present_failed_card(ada, code, **fields):
    return present_card(
        GenerationFactory(owner=ada, state=State.FAILED, error_code=code, **fields), now=NOW
    )


@pytest.mark.parametrize("code", [*IS_RETRYABLE_BY_CODE, *REJECTION_CODES])
def test_every_documented_code_has_its_own_sentence_and_advice(ada, code):
    card = present_failed_card(ada, code)
    assert code in FAILURE_TEXTS
    assert card.message not in ("", str(UNKNOWN_FAILURE_TEXT.message))
    assert card.advice
    assert code not in card.message


@pytest.mark.parametrize("code", ["channel_selection_failed", "channel_quota", "channel_banned"])
def test_trouble_of_evolinks_own_account_may_be_over_later(ada, code):
    card = present_failed_card(ada, code)
    assert card.message == str(FAILURE_TEXTS["service_unavailable"].message)
    assert card.reuse_text == "Try again"


@pytest.mark.parametrize(("code", "is_retry_offered"), IS_RETRYABLE_BY_CODE.items())
def test_trying_the_same_again_is_offered_only_where_it_can_help(ada, code, is_retry_offered):
    card = present_failed_card(ada, code)
    assert card.reuse_text == ("Try again" if is_retry_offered else "Change and try again")
    assert card.advice.endswith("Sending it again is a new paid generation.")


@pytest.mark.parametrize("code", ["upstream_kaputt_17", "500", "", "task_failed"])
def test_a_code_that_nobody_knows_is_shown_and_no_blind_retry_offered(ada_client, code):
    generation, text = show_generation(
        ada_client, state=State.FAILED, error_code=code, error_text="The upstream is on fire."
    )
    assert "EvoLink could not make this." in text
    assert "The upstream is on fire." in text
    assert code in text
    assert present_card(generation, now=NOW).reuse_text == "Change and try again"


def test_the_words_of_evolink_are_text_and_nothing_more(ada_client):
    script = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    generation, text = show_generation(
        ada_client, state=State.FAILED, error_text=script, prompt=script
    )
    assert text.count(script) == 2
    assert present_card(generation, now=NOW).details[-1] == ("EvoLink's own words", script)


# --- money ------------------------------------------------------------------------------------


def test_estimated_reserved_and_charged_stand_side_by_side(ada):
    completed = GenerationFactory(
        owner=ada, state=State.COMPLETED, credits_charged=Decimal("12.3456")
    )
    card = present_card(completed, now=NOW)
    assert card.credit_history_text == "estimated 162 → reserved 25.7 → charged 12.3456"
    assert card.charge_text == "12.3456 credits were charged."


def test_a_failure_that_was_charged_says_so_and_whom_to_ask(ada):
    charged_card = present_failed_card(
        ada, "service_error", credits_charged=Decimal(20), charge=Charge.CHARGED
    )
    assert charged_card.charge_text == "20 credits were charged all the same."
    assert "Ask the owner of this studio about a refund." in charged_card.advice


@pytest.mark.parametrize("charge", [Charge.RESERVED, Charge.UNCLEAR])
def test_a_failure_whose_credits_did_not_come_back_yet_says_so(ada, charge):
    reserved_card = present_failed_card(ada, "service_error", charge=charge)
    assert (
        reserved_card.charge_text == "Whether its 25.7 reserved credits came back is not clear yet."
    )
    assert "list of money to check" in reserved_card.advice
    unknown_card = present_failed_card(ada, "service_error", charge=charge, credits_reserved=None)
    assert unknown_card.charge_text == "Whether its reserved credits came back is not clear yet."


def test_a_film_whose_link_ended_has_expired_and_can_be_made_again(ada):
    lost_card = present_failed_card(
        ada, "film_lost", credits_charged=Decimal(20), charge=Charge.CHARGED
    )
    assert (lost_card.state_text, lost_card.reuse_text) == ("Expired", "Make it again")
    assert "its link ended" in lost_card.message
    assert "same settings" in lost_card.advice
    assert "new paid generation" in lost_card.advice


@pytest.mark.parametrize("charge", Charge)
@pytest.mark.parametrize("state", State)
def test_no_sentence_about_money_has_a_hole_in_it(ada, state, charge):
    for amount in (None, Decimal("25.7")):
        figures = {
            "credits_estimated": amount,
            "credits_reserved": amount,
            "credits_charged": amount,
        }
        card = present_card(
            GenerationFactory.build(owner=ada, pk=1, state=state, charge=charge, **figures), now=NOW
        )
        assert card.charge_text.endswith(".")
        assert "{" not in card.charge_text
        assert "–" not in card.charge_text


def test_money_that_is_not_known_is_never_called_nothing(ada):
    unknown = GenerationFactory(owner=ada, state=State.UNKNOWN, credits_estimated=None)
    assert "not clear" in present_card(unknown, now=NOW).charge_text
    assert "0" not in present_card(unknown, now=NOW).charge_text


# --- the film ---------------------------------------------------------------------------------


def test_a_finished_card_plays_and_gives_away_its_film(ada_client, ada):
    completed = GenerationFactory(owner=ada, state=State.COMPLETED)
    film = AssetFactory(owner=ada, kind="video", format="mp4", mime="video/mp4", seconds=8)
    GeneratedVideo.objects.create(generation=completed, asset=film, position=0)
    page = ParsedPage(ada_client.get(f"/create/{completed.model_id}/?show={completed.pk}"))
    video = page.find_card(completed.pk).find(".//video")
    assert video.get("src") == f"/library/{film.pk}/file"
    assert (
        page.find_card(completed.pk).find(".//a[@download]").get("href")
        == f"/library/{film.pk}/download"
    )


def test_settings_stand_on_the_card_as_people_know_them(ada):
    params = {"aspect_ratio": "16:9", "duration": 5, "quality": "1080p", "sound": "on"}
    kling = GenerationFactory(owner=ada, model_id="kling-o3-image-to-video", params=params)
    chips = present_card(kling, now=NOW).chips
    assert "5 s" in chips
    assert any("Sound" in chip for chip in chips)
    assert len(chips) == 4


def test_the_shots_stand_in_for_a_prompt_that_is_not_there(ada):
    params = {"shots": [{"prompt": "A door"}, {"prompt": "opens"}]}
    kling = GenerationFactory(
        owner=ada, model_id="kling-o3-image-to-video", prompt="", params=params
    )
    assert present_card(kling, now=NOW).prompt == "A door / opens"


@pytest.mark.parametrize("state", State)
def test_a_model_that_left_the_catalogue_still_has_its_cards(ada_client, state):
    ada = User.objects.get(username="ada")
    old_row = GenerationFactory(owner=ada, model_id="old-model", state=state)
    page = ParsedPage(ada_client.get("/create/veo3.1-pro/"))
    assert "old-model" in element_text(page.find_card(old_row.pk))
    card = present_card(old_row, now=NOW)
    assert (card.model_label, card.chips) == ("old-model", ())


def test_elapsed_time_stops_at_the_end(ada):
    completed = GenerationFactory(owner=ada, state=State.COMPLETED)
    running = GenerationFactory(owner=ada, state=State.RUNNING)
    expires_at = NOW + timedelta(hours=1, seconds=5)
    assert present_card(completed, now=expires_at).elapsed_text == "3:00"
    assert present_card(running, now=expires_at).elapsed_text == "1:00:05"


# --- for support ------------------------------------------------------------------------------


def test_support_finds_it_by_what_the_details_say(ada_client):
    generation, text = show_generation(
        ada_client, state=State.FAILED, error_code="service_error", callback_token="a-secret-token"
    )
    for fact in (str(generation.pk), generation.task_id, "2026-11-20 12:00:00 UTC"):
        assert fact in text
    assert "service_error" in text
    assert "a-secret-token" not in text


def test_a_failure_at_a_field_leads_to_that_field(ada):
    at_field = present_failed_card(ada, "invalid_parameter", error_field="model_params.quality")
    assert at_field.reuse_url == f"/create/{VEO}/?from={at_field.id}#field-quality"
    card = present_failed_card(ada, "invalid_parameter", error_field="<script>")
    assert card.reuse_url == f"/create/{VEO}/?from={card.id}"
