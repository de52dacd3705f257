"""The admin's first page."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from evolink_studio.credits import services as money
from evolink_studio.generations import services
from evolink_studio.generations.incidents import (
    INCIDENT_TYPE_BY_NAME,
    INCIDENT_TYPES,
    build_incident_filter,
    count_incidents,
    get_unsettled_totals,
    list_open_incidents,
)
from evolink_studio.generations.models import CallbackDelivery, Decision, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.admin.conftest import GENERATIONS_URL, generation_url

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _frozen_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def read_tiles(browser) -> dict[str, tuple[str, str, str]]:
    """The figures of the page by their names: figure, note, tone."""
    context_tiles = browser.get("/admin/").context["tiles"]
    return {tile.label: (tile.value, tile.note, tile.tone) for tile in context_tiles}


def test_the_balance_is_shown_with_its_age(staff_client):
    money.record_balance(
        provider_key=get_provider_key(),
        credits_available=Decimal("1283.42"),
        now=NOW - timedelta(minutes=4),
    )
    figure, note, tone = read_tiles(staff_client)["Balance at EvoLink"]
    assert figure == "1,283.42"
    assert note.replace("\xa0", " ") == "The key is accepted; read 4 minutes ago."
    assert tone == "good"


def test_an_old_balance_is_called_old(staff_client):
    money.record_balance(
        provider_key=get_provider_key(), credits_available=Decimal(5), now=NOW - HOUR
    )
    assert read_tiles(staff_client)["Balance at EvoLink"][1].startswith("Old: read")


def test_a_refused_key_is_shown_in_red_with_what_to_do(staff_client):
    money.record_balance(
        provider_key=get_provider_key(), credits_available=Decimal(5), now=NOW - HOUR
    )
    money.record_key_rejected(provider_key=get_provider_key(), now=NOW)
    figure, note, tone = read_tiles(staff_client)["Balance at EvoLink"]
    assert (figure, tone) == ("5", "bad")
    assert "EVOLINK_API_KEY" in note
    assert 'class="studio-tile is-bad"' in staff_client.get("/admin/").content.decode()


def test_the_money_of_now_of_today_and_of_this_month(staff_client):
    GenerationFactory(state=State.RUNNING, credits_reserved=Decimal("12.5"))
    GenerationFactory(state=State.RUNNING, credits_reserved=Decimal("7"))
    GenerationFactory(state=State.COMPLETED, credits_charged=Decimal("25.7"))
    GenerationFactory(
        state=State.COMPLETED, credits_charged=Decimal("100"), created_at=NOW - timedelta(days=19)
    )
    GenerationFactory(
        state=State.COMPLETED, credits_charged=Decimal("999"), created_at=NOW - timedelta(days=20)
    )
    tiles = read_tiles(staff_client)
    assert tiles["Reserved now"][0] == "19.5"
    assert tiles["Charged today"][0] == "25.7"
    assert tiles["Charged this month"][0] == "125.7"


def test_the_share_of_failures_is_that_of_the_last_seven_days(staff_client):
    for _number in range(3):
        GenerationFactory(state=State.COMPLETED, created_at=NOW - timedelta(days=6))
    GenerationFactory(state=State.FAILED)
    GenerationFactory(state=State.RUNNING)
    GenerationFactory(state=State.FAILED, created_at=NOW - timedelta(days=8))
    assert read_tiles(staff_client)["Failed in 7 days"][:2] == ("25.0 %", "1 of 4 that ended")


def test_the_failures_of_the_last_seven_days_are_the_rows_of_their_list(staff_client):
    first_day = NOW.replace(hour=0, minute=0) - timedelta(days=6)
    for created_at in (first_day - timedelta(minutes=1), first_day, NOW - timedelta(days=6)):
        GenerationFactory(state=State.FAILED, created_at=created_at)
    tiles = {tile.label: tile for tile in staff_client.get("/admin/").context["tiles"]}
    tile = tiles["Failed in 7 days"]
    assert tile.note == "2 of 2 that ended"
    assert staff_client.get(tile.url).context["cl"].result_count == 2


def test_nothing_ended_yet_is_no_rate_of_zero(staff_client):
    assert read_tiles(staff_client)["Failed in 7 days"][0] == "–"


def test_lost_answers_and_unsaved_films_are_counted_and_lead_to_their_list(staff_client):
    GenerationFactory(state=State.UNKNOWN)
    GenerationFactory(state=State.SAVING)
    tiles = read_tiles(staff_client)
    assert tiles["Answers lost"][0] == "1"
    assert tiles["Films not saved yet"][0] == "1"
    page = staff_client.get("/admin/").content.decode()
    assert f'href="{GENERATIONS_URL}?look=unknown"' in page
    assert staff_client.get(f"{GENERATIONS_URL}?look=unknown").context["cl"].result_count == 1


@pytest.mark.parametrize(
    ("silent_seconds", "figure", "tone"), [(5, "running", "good"), (31, "not running", "bad")]
)
def test_a_silent_worker_is_told(staff_client, silent_seconds, figure, tone):
    services.record_heartbeat(
        worker="host", disk_free_bytes=9 * 10**9, now=NOW - timedelta(seconds=silent_seconds)
    )
    tile = read_tiles(staff_client)["Worker"]
    assert (tile[0], tile[2]) == (figure, tone)


def test_a_worker_that_never_ran_is_told(staff_client):
    assert read_tiles(staff_client)["Worker"][0] == "not running"


@pytest.mark.parametrize(
    ("free_bytes", "tone"), [(84 * 10**9, "good"), (3 * 10**9, "warning"), (10**8, "bad")]
)
def test_little_room_on_the_disk_is_told(staff_client, free_bytes, tone):
    services.record_heartbeat(worker="host", disk_free_bytes=free_bytes, now=NOW)
    assert read_tiles(staff_client)["Disk free"][2] == tone


def test_an_incident_is_listed_once_with_its_reason_and_a_link(staff_client):
    unknown = GenerationFactory(state=State.UNKNOWN)
    stalled = GenerationFactory(
        state=State.RUNNING, stalled_since=NOW - HOUR, created_at=NOW - 3 * HOUR
    )
    unsaved_row = GenerationFactory(state=State.SAVING, created_at=NOW - HOUR)
    slow_row = GenerationFactory(state=State.RUNNING, created_at=NOW - 3 * HOUR)
    expiring = GenerationFactory(state=State.SAVING, results_expire_at=NOW + 11 * HOUR)
    unreturned = GenerationFactory(state=State.FAILED, charge="unclear")
    expired_at = NOW - 5 * HOUR
    copied_row = GenerationFactory(
        state=State.SAVING,
        created_at=NOW - 30 * HOUR,
        results_expire_at=expired_at,
        local_copy_seen_at=NOW,
    )
    astray_row = GenerationFactory(
        state=State.SAVING,
        created_at=NOW - 60 * HOUR,
        results_expire_at=expired_at,
        local_copy_seen_at=NOW - 25 * HOUR,
    )
    unsendable = GenerationFactory(error_code="internal")
    without_film = GenerationFactory(state=State.RUNNING, error_code="no_result")
    unclear_row = GenerationFactory(state=State.RUNNING, error_code="end_unclear")
    GenerationFactory(error_code="unreachable")
    GenerationFactory(state=State.SAVING, local_copy_seen_at=NOW)
    GenerationFactory(state=State.FAILED)
    GenerationFactory(state=State.RUNNING)
    GenerationFactory(state=State.SAVING, results_expire_at=NOW + 23 * HOUR)
    GenerationFactory(state=State.COMPLETED, created_at=NOW - 9 * HOUR)
    incidents = {
        item.generation.pk: item.type.name for item in list_open_incidents(now=NOW, limit=20)
    }
    assert incidents == {
        unknown.pk: "unknown",
        stalled.pk: "stalled",
        unsaved_row.pk: "unsaved",
        slow_row.pk: "held",
        expiring.pk: "expiring",
        unreturned.pk: "unreturned",
        copied_row.pk: "parked",
        astray_row.pk: "astray",
        unsendable.pk: "unsendable",
        without_film.pk: "no_result",
        unclear_row.pk: "end_unclear",
    }
    page = staff_client.get("/admin/").content.decode()
    for generation in map(Generation, incidents):
        assert f'href="{generation_url(generation)}"' in page


@pytest.mark.parametrize("reason", sorted(INCIDENT_TYPE_BY_NAME))
def test_the_count_of_a_reason_is_that_of_the_list_it_leads_to(staff_client, reason):
    for age in (0, 1, 3):
        created = NOW - age * HOUR
        GenerationFactory(state=State.UNKNOWN, created_at=created)
        GenerationFactory(state=State.RUNNING, created_at=created, stalled_since=created)
        expires_at = created + 12 * HOUR
        called_row = GenerationFactory(
            state=State.SAVING, created_at=created, results_expire_at=expires_at
        )
        GenerationFactory(state=State.FAILED, created_at=created, charge="reserved")
        GenerationFactory(state=State.RUNNING, created_at=created, error_code="no_result")
        GenerationFactory(state=State.RUNNING, created_at=created, error_code="end_unclear")
        GenerationFactory(state=State.SAVING, created_at=created, local_copy_seen_at=NOW)
        GenerationFactory(
            state=State.SAVING, created_at=created, local_copy_seen_at=NOW - 25 * HOUR
        )
        GenerationFactory(error_code="internal", created_at=created)
        for kind in ("never", "unlink"):
            decided_row = GenerationFactory(state=State.FAILED, created_at=created)
            Decision.objects.create(
                generation=decided_row, kind=kind, decided_at=NOW, needs_look=True
            )
        CallbackDelivery.objects.create(
            generation=called_row, received_at=NOW, size_bytes=1, rejection="too_many"
        )
    count = get_unsettled_totals(now=NOW).counts_by_type[reason]
    assert count > 0
    assert staff_client.get(f"{GENERATIONS_URL}?look={reason}").context["cl"].result_count == count


def test_what_is_at_risk_is_counted_on_every_page_and_nothing_is_said_when_there_is_none(
    staff_client,
):
    words = 'class="studio-badge"'
    assert words not in staff_client.get(GENERATIONS_URL).content.decode()
    GenerationFactory(state=State.UNKNOWN)
    GenerationFactory(state=State.RUNNING, stalled_since=NOW - HOUR, created_at=NOW - 3 * HOUR)
    GenerationFactory(state=State.RUNNING)
    assert f"<span {words}>2</span>" in staff_client.get(GENERATIONS_URL).content.decode()


@pytest.mark.parametrize("hours", [-48, -13, -1, 0, 1, 3, 13, 48])
def test_the_badge_counts_what_the_list_of_all_incidents_shows(db, hours):
    GenerationFactory(state=State.UNKNOWN)
    GenerationFactory(state=State.RUNNING, accepted_at=NOW, progressed_at=NOW, charge="reserved")
    GenerationFactory(state=State.SAVING, progressed_at=NOW, results_expire_at=NOW + 24 * HOUR)
    GenerationFactory(state=State.SAVING, progressed_at=NOW, local_copy_seen_at=NOW)
    now = NOW + hours * HOUR
    rows = Generation.objects.filter(build_incident_filter(INCIDENT_TYPES, now))
    assert count_incidents(now=now) == rows.count() > 0


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/admin/", "Overview"),
        (GENERATIONS_URL, "Generations"),
        (f"{GENERATIONS_URL}usage/", "Usage"),
        ("/admin/credits/ratecard/", "Prices"),
        ("/admin/credits/ratecard/off/", "Where prices are off"),
    ],
)
def test_the_sidebar_marks_the_page_that_is_open(staff_client, path, entry):
    groups = staff_client.get(path).context["sidebar_navigation"]
    items = [item for group in groups for item in group.items]
    assert [item.title for item in items if item.is_active] == [entry]


def test_the_sidebar_shows_staff_only_what_they_may_open(staff_client, owner_client):
    of_staff, of_owner = (
        {
            item.url
            for group in client.get("/admin/").context["sidebar_navigation"]
            for item in group.items
        }
        for client in (staff_client, owner_client)
    )
    assert of_owner - of_staff == {"/admin/auth/group/", "/admin/accounts/securityevent/"}
    assert {staff_client.get(url).status_code for url in of_staff - {"/"}} == {200}


def test_what_is_at_risk_is_refreshed_from_the_list(staff_client):
    unknown = GenerationFactory(state=State.UNKNOWN)
    page = staff_client.get("/admin/").content.decode()
    assert f'aria-label="Look at {unknown} again now"' in page
    form_data = {"action": "refresh_generations", "_selected_action": unknown.pk, "overview": "1"}
    answer = staff_client.post(GENERATIONS_URL, form_data, follow=True)
    assert answer.redirect_chain[-1][0] == "/admin/"
    assert "looks at 1 generation now" in answer.content.decode()
    unknown.refresh_from_db()
    assert unknown.next_attempt_at == NOW


def test_resolving_is_offered_to_the_owner_only(owner_client, staff_client):
    unknown = GenerationFactory(state=State.UNKNOWN)
    link = f'href="{generation_url(unknown)}#decide"'
    assert link in owner_client.get("/admin/").content.decode()
    page = staff_client.get("/admin/").content.decode()
    assert link not in page
    assert "The owner settles it." in page


def test_the_overview_and_the_sidebar_lead_to_where_prices_are_off(staff_client):
    page = staff_client.get("/admin/").content.decode()
    assert page.count('href="/admin/credits/ratecard/off/"') == 2
    assert (
        "Where prices are off" in staff_client.get("/admin/credits/ratecard/off/").content.decode()
    )


def test_a_generation_in_the_report_of_prices_leads_to_its_page(staff_client):
    other_row = GenerationFactory(state=State.COMPLETED, credits_estimated=Decimal(20))
    page = staff_client.get("/admin/credits/ratecard/off/").content.decode()
    assert f'href="{generation_url(other_row)}"' in page


def test_a_studio_at_rest_has_no_incidents(staff_client):
    GenerationFactory(state=State.COMPLETED)
    assert (
        "Nothing: every generation is either under way"
        in staff_client.get("/admin/").content.decode()
    )


def test_the_page_takes_as_many_queries_for_many_generations(
    staff_client, django_assert_max_num_queries
):
    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            staff_client.get("/admin/")
        return len(queries)

    GenerationFactory(state=State.UNKNOWN)
    one_count = count()
    for _number in range(15):
        GenerationFactory(state=State.UNKNOWN)
    assert count() == one_count
