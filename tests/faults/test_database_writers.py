"""Eight processes write at once, as fast as they can: nobody is turned away, the sums are right.

At full size, from FAULTS_SIZE=15 on, for 60 seconds.
"""

import json
from decimal import Decimal

import pytest
from django.db.models import Sum

from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Generation
from tests.factories import UserFactory
from tests.faults.conftest import FAULTS_SIZE, TIMEOUT_SECONDS, start_script
from tests.faults.lifecycle import idempotency_key_of
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

WRITE_SECONDS = min(4 * FAULTS_SIZE, 60)
WRITER_COUNT = 8


def test_eight_writers_at_once_get_through_and_the_ledger_is_right(instance):
    people = UserFactory.create_batch(4)
    Allowance.objects.create(user=people[0], credits_limit=Decimal(2000), period="week")
    with count_cases("Database: what eight writers at once did") as case_counter:
        words = ("tests.faults.concurrent_writers", str(WRITE_SECONDS), str(WRITER_COUNT))
        with start_script(instance, *words) as writers:
            reports = [
                json.loads(line)
                for line in writers.communicate(timeout=WRITE_SECONDS + TIMEOUT_SECONDS)[
                    0
                ].splitlines()
            ]
        assert len(reports) == WRITER_COUNT
        case_counter.cases = sum(sum(report["did"].values()) for report in reports)
        assert [report["trouble"] for report in reports] == [[]] * WRITER_COUNT
        assert [report["doubled"] for report in reports] == [[]] * WRITER_COUNT
        assert_everything_explained(reports)


def assert_everything_explained(reports: list[dict]) -> None:
    task_by_key = {key: task for report in reports for key, task in report["taken"].items()}
    assert len(task_by_key) > WRITER_COUNT
    assert len(task_by_key) == sum(len(report["taken"]) for report in reports), (
        "no key reached two providers"
    )
    rows = {idempotency_key_of(row): row for row in Generation.objects.all()}
    for key, task_id in task_by_key.items():
        row = rows[key]
        assert row.task_id == task_id or row.state == "unknown"
    charges = {
        task: Decimal(charge) for report in reports for task, charge in report["charges"].items()
    }
    for row in rows.values():
        assert row.credits_charged is None or row.credits_charged == charges.get(row.task_id, 0)
    assert_proved()
    sums = AllowanceBalance.objects.aggregate(
        charged=Sum("credits_charged"), reserved=Sum("credits_reserved")
    )
    assert sums == LedgerEntry.objects.aggregate(
        charged=Sum("credits_charged_delta"), reserved=Sum("credits_reserved_delta")
    )
