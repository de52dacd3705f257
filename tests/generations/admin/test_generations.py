"""The list of generations and the page of one."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from evolink_studio.generations.models import CallbackDelivery, Charge, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, AssetFactory, GenerationFactory, UserFactory
from tests.generations.admin.conftest import (
    GENERATIONS_URL,
    create_completed_generation,
    generation_url,
)

KLING = "kling-o3-image-to-video"


def parse_totals(page: str) -> dict[str, str]:
    """The totals above the list, by name."""
    part = page[page.index('class="studio-totals"') :]
    part = part[: part.index("</dl>")]
    pairs = [piece.split("</dt><dd>") for piece in part.split("<dt>")[1:]]
    return {name: rest.split("</dd>")[0] for name, rest in pairs}


def listed_ids(page: str) -> set[int]:
    """The generations in the list."""
    return {
        generation.pk
        for generation in Generation.objects.all()
        if f'href="{generation_url(generation)}' in page
    }


def test_the_list_says_who_what_state_and_credits(staff_client):
    generation = create_completed_generation(
        owner=UserFactory(username="ada"),
        credits_estimated=Decimal("30"),
        credits_charged=Decimal("25.7"),
    )
    page = staff_client.get(GENERATIONS_URL).content.decode()
    for word in ("ada", "Veo 3.1 Pro", "Done", "720p", "30", "25.7", "20 Nov 2026, 12:00", "3:00"):
        assert word in page
    film = generation.results.get().asset
    assert reverse("admin:library_asset_poster", args=[film.pk]) in page


def test_the_totals_are_those_of_exactly_what_is_filtered(staff_client):
    for amount in ("10", "20.5"):
        GenerationFactory(
            state=State.COMPLETED, credits_charged=Decimal(amount), credits_reserved=Decimal(amount)
        )
    GenerationFactory(state=State.FAILED, credits_charged=0, credits_reserved=Decimal(40))
    GenerationFactory(state=State.RUNNING, credits_reserved=Decimal("5.0025"))
    all_totals = parse_totals(staff_client.get(GENERATIONS_URL).content.decode())
    assert all_totals == {
        "Charged": "30.5",
        "Generations": "4",
        "Failed": "1",
        "Estimated": "648",
        "Reserved": "5.0025",
    }
    completed_totals = parse_totals(
        staff_client.get(f"{GENERATIONS_URL}?state__exact=completed").content.decode()
    )
    assert completed_totals["Charged"] == "30.5"
    assert completed_totals["Generations"] == "2"
    assert completed_totals["Reserved"] == "0"


def test_the_totals_count_rows_that_are_on_other_pages_too(staff_client):
    user = UserFactory()
    for _number in range(53):
        GenerationFactory(owner=user, state=State.COMPLETED, credits_charged=1)
    assert (
        parse_totals(staff_client.get(f"{GENERATIONS_URL}?p=2").content.decode())["Charged"] == "53"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("model=" + KLING, {"kling"}),
        ("model=veo3.1-pro&model=" + KLING, {"kling", "failed", "old", "lost"}),
        ("state__exact=failed", {"failed"}),
        ("state__exact=failed&state__exact=unknown", {"failed", "lost"}),
        ("charge__exact=unclear", {"lost"}),
        ("look=unknown", {"lost"}),
        ("owner__id__exact={ada}", {"kling"}),
        ("created_to=2026-11-10", {"old"}),
        ("created_from=2026-11-20&created_to=2026-11-20", {"kling", "failed", "lost"}),
        ("created_at__year=2026&created_at__month=10", {"old"}),
        ("q=harbour", {"old"}),
        ("q=task-of-kling", {"kling"}),
    ],
)
def test_the_list_is_narrowed(staff_client, query, expected):
    ada = UserFactory(username="ada")
    generations = {
        "kling": GenerationFactory(
            owner=ada, model_id=KLING, state=State.COMPLETED, task_id="task-of-kling"
        ),
        "failed": GenerationFactory(
            state=State.FAILED, created_at=NOW.replace(hour=23, minute=59, second=59)
        ),
        "old": GenerationFactory(
            state=State.COMPLETED, created_at=NOW - timedelta(days=30), prompt="A quiet harbour"
        ),
        "lost": GenerationFactory(state=State.UNKNOWN),
    }
    page = staff_client.get(f"{GENERATIONS_URL}?{query.format(ada=ada.pk)}").content.decode()
    assert listed_ids(page) == {generations[name].pk for name in expected}
    assert parse_totals(page)["Generations"] == str(len(expected))


@pytest.mark.parametrize("query", ["created_from=yesterday", "created_to=2026-02-31", "look=x"])
def test_a_filter_that_makes_no_sense_is_not_taken_for_another(staff_client, query):
    GenerationFactory()
    answer = staff_client.get(f"{GENERATIONS_URL}?{query}")
    assert answer.status_code == 302
    assert answer.url == f"{GENERATIONS_URL}?e=1"


def test_dates_lead_from_years_to_months_to_days(staff_client):
    GenerationFactory(created_at=NOW.replace(year=2025))
    GenerationFactory(created_at=NOW)
    assert "?created_at__year=2025" in staff_client.get(GENERATIONS_URL).content.decode()
    year = staff_client.get(f"{GENERATIONS_URL}?created_at__year=2026").content.decode()
    assert "November 2026" in year
    assert "December 2026" not in year
    month = staff_client.get(
        f"{GENERATIONS_URL}?created_at__year=2026&created_at__month=11"
    ).content.decode()
    assert "created_at__day=20" in month
    assert "created_at__day=21" not in month
    day = staff_client.get(
        f"{GENERATIONS_URL}?created_at__year=2026&created_at__month=11&created_at__day=20"
    )
    assert 'aria-current="date"' in day.content.decode()


def test_fifty_rows_take_as_many_queries_as_five(staff_client, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(40) as queries:
            assert staff_client.get(GENERATIONS_URL).status_code == 200
        return len(queries)

    for _number in range(5):
        create_completed_generation()
    five_count = count()
    for _number in range(45):
        create_completed_generation()
    assert count() == five_count


def test_the_page_plays_the_film_and_shows_its_inputs_and_person(staff_client):
    picture = AssetFactory(name="harbour.png")
    generation = create_completed_generation(owner=picture.owner, prompt="A quiet harbour")
    generation.inputs.add(picture)
    page = staff_client.get(generation_url(generation)).content.decode()
    film = generation.results.get().asset
    assert "<video controls" in page
    assert f'src="{reverse("admin:library_asset_file", args=[film.pk])}"' in page
    assert "harbour.png" in page
    assert "A quiet harbour" in page
    assert f'href="/admin/accounts/user/{generation.owner_id}/change/"' in page
    assert generation.task_id in page


def test_stored_replies_are_folded_pretty_and_only_text(staff_client):
    script = "<script>alert(1)</script>"
    generation = GenerationFactory(
        state=State.FAILED,
        params={"prompt": script, "quality": "720p"},
        last_reply={"error": {"message": script}},
        error_code="service_error",
        error_text=script,
        prompt=script,
    )
    CallbackDelivery.objects.create(
        generation=generation,
        received_at=NOW,
        size_bytes=9,
        reported_status=script,
        reported_task_id=script,
    )
    page = staff_client.get(generation_url(generation)).content.decode()
    assert script not in page
    assert page.count("<details") >= 4
    assert "{\n  &quot;error&quot;: {\n    &quot;message&quot;" in page


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil", "http://[::1", ""],
)
def test_an_address_that_is_no_web_address_is_not_shown_and_never_a_link(staff_client, address):
    generation = create_completed_generation(
        result_urls=[address, "https://cdn.example.org/film.mp4"]
    )
    page = staff_client.get(generation_url(generation)).content.decode()
    assert "https://cdn.example.org/film.mp4" in page
    assert 'href="https://cdn.example.org' not in page
    assert "1 hidden: not a web address" in page
    assert not address or f'href="{address}' not in page
    assert "alert(1)" not in page


def test_the_secret_of_a_callback_stands_on_no_page(owner_client):
    generation = create_completed_generation()
    for page in (GENERATIONS_URL, generation_url(generation)):
        assert generation.callback_token not in owner_client.get(page).content.decode()


@pytest.mark.parametrize("state", [State.RUNNING, State.SAVING, State.UNKNOWN])
def test_refreshing_makes_it_due_now_and_returns_to_its_page(staff_client, state):
    later_time = NOW + timedelta(days=900)
    generation = GenerationFactory(state=state, next_attempt_at=later_time)
    page = staff_client.get(generation_url(generation)).content.decode()
    assert "Look at it again now" in page
    form_data = {
        "action": "refresh_generations",
        "_selected_action": generation.pk,
        "back_to": generation.pk,
    }
    answer = staff_client.post(GENERATIONS_URL, form_data, follow=True)
    assert answer.redirect_chain[-1][0] == generation_url(generation)
    assert "The worker looks at 1 generation now. That is free." in answer.content.decode()
    generation.refresh_from_db()
    assert generation.next_attempt_at < later_time
    assert generation.state == state


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.COMPLETED, State.FAILED])
def test_refreshing_leaves_alone_what_is_not_sent_or_has_ended(staff_client, state):
    generation = GenerationFactory(state=state)
    before = generation.next_attempt_at
    form_data = {"action": "refresh_generations", "_selected_action": generation.pk}
    answer = staff_client.post(GENERATIONS_URL, form_data, follow=True)
    assert "Nothing to look at" in answer.content.decode()
    generation.refresh_from_db()
    assert generation.next_attempt_at == before
    assert "Look at it again now" not in staff_client.get(
        generation_url(generation)
    ).content.decode().replace('<option value="refresh_generations">Look at it again now', "")


def test_refreshing_changes_nothing_but_the_time_of_the_next_poll(staff_client):
    generation = GenerationFactory(state=State.RUNNING, charge=Charge.RESERVED)
    before = Generation.objects.values().get(pk=generation.pk)
    staff_client.post(
        GENERATIONS_URL, {"action": "refresh_generations", "_selected_action": generation.pk}
    )
    after = Generation.objects.values().get(pk=generation.pk)
    assert after.pop("next_attempt_at") != before.pop("next_attempt_at")
    assert after == before
