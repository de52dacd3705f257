"""Eight processes write at once, as fast as they can: nobody is turned away, the sums are right.

At full size, from FAULTS_SIZE=15 on, for 60 seconds.
"""

import json
from decimal import Decimal

import pytest
from django.db.models import Sum

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Generation
from tests.factories import UserFactory
from tests.faults.conftest import SIZE, beside
from tests.faults.promises import key_of
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

SECONDS = min(4 * SIZE, 60)
WRITERS = 8


def test_eight_writers_at_once_get_through_and_the_book_is_right(place):
    people = UserFactory.create_batch(4)
    Allowance.objects.create(user=people[0], credits_limit=Decimal(2000), period="week")
    with tally("Database: what eight writers at once did") as counted:
        words = ("tests.faults.writing", str(SECONDS), str(WRITERS))
        with beside(place, *words) as writers:
            told = [
                json.loads(line)
                for line in writers.communicate(timeout=SECONDS + 120)[0].splitlines()
            ]
        assert len(told) == WRITERS
        counted.cases = sum(sum(one["did"].values()) for one in told)
        assert [one["trouble"] for one in told] == [[]] * WRITERS
        assert [one["doubled"] for one in told] == [[]] * WRITERS
        everything_is_explained(told)


def everything_is_explained(told: list[dict]) -> None:
    taken = {key: task for one in told for key, task in one["taken"].items()}
    assert len(taken) > WRITERS
    assert len(taken) == sum(len(one["taken"]) for one in told), "no key reached two far ends"
    rows = {key_of(row): row for row in Generation.objects.all()}
    for key, task_id in taken.items():
        row = rows[key]
        assert row.task_id == task_id or row.state == "unknown"
    charges = {task: Decimal(c) for one in told for task, c in one["charges"].items()}
    for row in rows.values():
        assert row.credits_charged is None or row.credits_charged == charges.get(row.task_id, 0)
    assert audit_ledger_with_generations().findings == ()
    sums = AllowanceBalance.objects.aggregate(
        credits_charged=Sum("credits_charged"), credits_reserved=Sum("credits_reserved")
    )
    assert sums == LedgerEntry.objects.aggregate(
        credits_charged_delta=Sum("credits_charged_delta"),
        credits_reserved_delta=Sum("credits_reserved_delta"),
    )
