"""“Reserved” and “charged” mean one thing, wherever they stand, to the last decimal."""

import csv
import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from evolink_studio.catalog import SPECS
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import Allowance, AllowanceBalance
from evolink_studio.evolink.types import Task
from evolink_studio.generations import resolutions, services
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.presenters.workspace import build_usage_badge
from evolink_studio.generations.queries import get_current_provider_account
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import correct_charge, transition
from tests.factories import VEO, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL, USAGE_URL, client_of

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
LAST_MONTH, LAST_NIGHT = NOW - timedelta(days=20), NOW - timedelta(hours=12, minutes=1)
ESTIMATE = Decimal("162.0025")
ALL_TIME = "created_from=2026-01-01&created_to=2026-12-31"
THIS_MONTH = "created_from=2026-12-01&created_to=2026-12-31"
LEDGER_CSV_URL = "/admin/credits/ledgerentry/csv/"


@pytest.fixture(autouse=True)
def _frozen_clock(db) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def press(owner, created_at=NOW) -> Generation:
    result = services.create_generation(
        owner=owner,
        spec=SPECS[VEO],
        params={"prompt": "A cat"},
        assets=[],
        form_key=uuid.uuid4(),
        credits_estimated=ESTIMATE,
        now=created_at,
    )
    return result.generation


def move(generation: Generation, state: State, now=NOW, **changes) -> Generation:
    assert transition(generation, state, now=now, **changes)
    generation.refresh_from_db()
    return generation


def lose(owner) -> Generation:
    move(sent := press(owner), State.SENDING, sent_at=NOW)
    return move(sent, State.UNKNOWN, charge=Charge.UNCLEAR)


def accept(owner, created_at=NOW, reserved="25.7003") -> Generation:
    generation = move(press(owner, created_at), State.SENDING, created_at, sent_at=created_at)
    return move(
        generation,
        State.RUNNING,
        created_at,
        charge=Charge.RESERVED,
        credits_reserved=Decimal(reserved),
        task_id=f"task-{generation.pk}",
        accepted_at=created_at,
    )


def complete(generation: Generation, charged: str, now=NOW) -> Generation:
    amount = {"charge": Charge.CHARGED, "credits_charged": Decimal(charged)}
    return move(move(generation, State.SAVING, now, **amount), State.COMPLETED, now)


def play_mixed_history(ada, bob, root) -> None:
    """Everything that may become of a press, also over midnight and over the end of a month."""
    press(ada)
    accept(bob)
    lose(ada)
    complete(accept(ada), "20.0001")
    complete(accept(bob, LAST_NIGHT), "3.0002", NOW - timedelta(hours=11))
    complete(accept(ada, LAST_MONTH), "7.0303", LAST_MONTH + timedelta(minutes=3))
    move(accept(ada), State.FAILED, charge=Charge.RETURNED)
    move(accept(bob), State.FAILED, charge=Charge.UNCLEAR)
    move(press(bob), State.CANCELLED)
    wrong = complete(accept(bob), "40")
    correct_charge(wrong, credits_charged=Decimal("9.9999"), actor=root, note="Invoice", now=NOW)
    unlinked = lose(bob)
    task = Task.model_validate(
        {"id": "task-x", "model": VEO, "created": int(NOW.timestamp()), "status": "processing"}
        | {"usage": {"credits_reserved": "17.0001"}}
    )
    resolutions.link_task(generation=unlinked, task=task, is_confirmed=True, now=NOW)
    unlinked.refresh_from_db()
    complete(unlinked, "17.0001")
    by_root: dict[str, Any] = {"actor": root, "reason": "Another film", "now": NOW}
    version = unlinked.changed_version
    resolutions.unlink_task(generation=unlinked, seen_version=version, **by_root)
    lost = lose(ada)
    assert resolutions.mark_not_charged(generation=lost, now=NOW)
    lost.refresh_from_db()
    resolutions.reopen(generation=lost, seen_version=lost.changed_version, **by_root)


RESERVED = ESTIMATE * 4 + Decimal("25.7003") * 2
CHARGED = Decimal("20.0001") + Decimal("3.0002") + Decimal("9.9999") + Decimal("7.0303")


def read_csv(client: Client, url: str) -> list[dict[str, str]]:
    text = b"".join(client.get(url).streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def add_up(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column] or 0) for row in rows), Decimal(0))


def as_number(text: str) -> Decimal:
    return Decimal(text.replace("\xa0", "").replace(",", "").replace("–", "0"))


@pytest.fixture
def people() -> list:
    return [UserFactory(username=name) for name in ("ada", "bob")]


@pytest.fixture
def root_client(people) -> Client:
    """Two allowances apply to everybody: one each, and one pot for the whole studio."""
    Allowance.objects.all().update(credits_limit=5000, period="month")
    Allowance.objects.create(is_shared=True, credits_limit=9000, period="month")
    root = UserFactory(owner=True, username="root")
    play_mixed_history(*people, root)
    assert audit_ledger_with_generations().findings == ()
    return client_of(root)


def test_reserved_is_the_same_everywhere(root_client, people):
    tiles = {tile.label: tile for tile in root_client.get("/admin/").context["tiles"]}
    usage = root_client.get(f"{USAGE_URL}?{ALL_TIME}").context
    users = root_client.get("/admin/accounts/user/").context["cl"].result_list
    account = get_current_provider_account()
    badges = [build_usage_badge(person, account, timezone.now()) for person in people]
    page_list = root_client.get(GENERATIONS_URL).context["cl"]
    listed = root_client.get(tiles["Reserved now"].url)
    balances = AllowanceBalance.objects
    figures = {
        "overview": as_number(tiles["Reserved now"].value),
        "usage": as_number(dict(usage["totals"])["Reserved"]),
        "list": as_number(dict(page_list.totals)["Reserved"]),
        "list behind the overview": as_number(dict(listed.context["cl"].totals)["Reserved"]),
        "rows": sum(row.credits_held or Decimal(0) for row in page_list.result_list),
        "badges": sum(as_number(badge.reserved) for badge in badges),
        "purses of people": sum(
            balance.credits_reserved for balance in balances.exclude(user=None)
        ),
        "purses of the pot": sum(
            balance.credits_reserved for balance in balances.filter(user=None)
        ),
        "people": sum(
            status.reserved
            for user in users
            for status in user.allowance_statuses
            if not status.allowance.is_shared
        ),
        "usage CSV": add_up(read_csv(root_client, f"{USAGE_URL}?{ALL_TIME}&as=csv"), "reserved"),
        "ledger CSV": add_up(read_csv(root_client, LEDGER_CSV_URL), "reserved"),
        "ledger CSV by generation": add_up(
            read_csv(root_client, f"{LEDGER_CSV_URL}?lines=generations"), "reserved"
        ),
    }
    assert figures == dict.fromkeys(figures, RESERVED)


def test_charged_is_the_same_everywhere(root_client, people):
    usage = root_client.get(f"{USAGE_URL}?{ALL_TIME}").context
    page_list = root_client.get(GENERATIONS_URL).context["cl"]
    balances = AllowanceBalance.objects
    figures = {
        "usage": as_number(dict(usage["totals"])["Charged"]),
        "list": as_number(dict(page_list.totals)["Charged"]),
        "purses of people": sum(balance.credits_charged for balance in balances.exclude(user=None)),
        "purses of the pot": sum(balance.credits_charged for balance in balances.filter(user=None)),
        "usage CSV": add_up(read_csv(root_client, f"{USAGE_URL}?{ALL_TIME}&as=csv"), "charged"),
        "ledger CSV": add_up(read_csv(root_client, LEDGER_CSV_URL), "charged"),
        "ledger CSV by generation": add_up(
            read_csv(root_client, f"{LEDGER_CSV_URL}?lines=generations"), "charged"
        ),
    }
    assert figures == dict.fromkeys(figures, CHARGED)


def test_charged_this_month_is_the_same_everywhere(root_client, people):
    """Also what was pressed in November and charged in December."""
    tiles = {tile.label: tile for tile in root_client.get("/admin/").context["tiles"]}
    users = root_client.get("/admin/accounts/user/").context["cl"].result_list
    account = get_current_provider_account()
    badges = [build_usage_badge(person, account, timezone.now()) for person in people]
    usage = root_client.get(f"{USAGE_URL}?{THIS_MONTH}").context
    figures = {
        "overview": as_number(tiles["Charged this month"].value),
        "usage": as_number(dict(usage["totals"])["Charged"]),
        "people": sum(user.charged_credits for user in users),
        "badges": sum(as_number(badge.charged_this_month) for badge in badges),
    }
    assert figures == dict.fromkeys(figures, CHARGED - Decimal("7.0303"))


def test_every_line_of_the_ledger_names_its_person_and_its_allowance(root_client):
    for url in (LEDGER_CSV_URL, f"{LEDGER_CSV_URL}?lines=generations"):
        rows = read_csv(root_client, url)
        owners = dict(Generation.objects.values_list("pk", "owner__username"))
        assert {row["person"] for row in rows} == {"ada", "bob"}
        for row in rows:
            assert row["person"] == owners[int(row["generation"])]
            assert row.get("allowance") or row.get("allowances")


def test_one_line_for_each_generation(root_client):
    rows = read_csv(root_client, f"{LEDGER_CSV_URL}?lines=generations")
    assert [int(row["generation"]) for row in rows] == sorted(
        Generation.objects.values_list("pk", flat=True)
    )
    charged = dict(Generation.objects.values_list("pk", "credits_charged"))
    for row in rows:
        assert Decimal(row["charged"]) == (charged[int(row["generation"])] or 0)
        assert Decimal(row["reserved at first"]) == ESTIMATE


@pytest.mark.parametrize("is_shared", ["0", "1"])
def test_the_lines_of_one_allowance_sum_to_what_was_charged_too(root_client, is_shared):
    allowance = Allowance.objects.get(is_shared=is_shared == "1")
    query = f"balance__allowance__id__exact={allowance.pk}"
    for lines in ("", "&lines=generations"):
        rows = read_csv(root_client, f"{LEDGER_CSV_URL}?{query}{lines}")
        assert (add_up(rows, "charged"), add_up(rows, "reserved")) == (CHARGED, RESERVED)
