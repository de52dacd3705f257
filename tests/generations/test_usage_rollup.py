"""The roll-up of usage: whatever writes a generation, it is what the generations add up to."""

from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import F

from evolink_studio.credits.fields import build_credits_value
from evolink_studio.generations import usage_rollup
from evolink_studio.generations.models import Charge, Generation, UsageRollup
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.generations.usage_report import (
    UsageFilter,
    UsageTotals,
    filter_generations,
    filter_rollup,
    sum_usage,
)
from evolink_studio.projects.models import Project
from evolink_studio.worker.periodic import DAILY_PROOFS
from tests.factories import NOW, VEO, GenerationFactory, UserFactory

LITTLE = build_credits_value(Decimal("0.0001"))
KLING = "kling-o3-image-to-video"
Day, Month = UsageRollup.Period.DAY, UsageRollup.Period.MONTH
pytestmark = pytest.mark.django_db


def read_rollup(period=Day) -> list[tuple]:
    rows = UsageRollup.objects.filter(period=period).order_by("starts_on", "owner", "model_id")
    columns = ("starts_on", "model_id", "state", "generation_count", "credits_charged")
    return list(rows.values_list(*columns))


def prove() -> list[str]:
    return [str(finding) for step in usage_rollup.prove_rollup(None) for finding in step.findings]


def test_a_new_generation_is_counted_in_its_day_and_its_month():
    GenerationFactory(state=State.COMPLETED, credits_charged=Decimal("25.7001"))
    assert read_rollup() == [(date(2026, 11, 20), VEO, "completed", 1, Decimal("25.7001"))]
    assert read_rollup(Month) == [(date(2026, 11, 1), VEO, "completed", 1, Decimal("25.7001"))]


def test_a_transition_moves_it_and_leaves_no_row_of_zero():
    generation = GenerationFactory(state=State.RUNNING)
    tomorrow = NOW + timedelta(days=12)
    changes = {"charge": Charge.CHARGED, "credits_charged": Decimal("25.7")}
    assert transition(generation, State.SAVING, now=tomorrow, **changes)
    assert read_rollup() == [(date(2026, 12, 2), VEO, "saving", 1, Decimal("25.7000"))]
    assert read_rollup(Month) == [(date(2026, 12, 1), VEO, "saving", 1, Decimal("25.7000"))]
    assert UsageRollup.objects.get(period=Day).credits_held == 0


@pytest.mark.parametrize("column", usage_rollup.COUNTED_COLUMNS)
def test_no_write_passes_by_whoever_makes_it(column):
    """Also one that nobody has thought of: of each column, past every function of ours."""
    generation = GenerationFactory(state=State.RUNNING, credits_charged=Decimal(1))
    other = UserFactory()
    changed_values = {
        "accounted_at": NOW - timedelta(days=40),
        "owner_id": other.pk,
        "model_id": KLING,
        "state": State.FAILED,
        "project_id": Project.objects.create(owner=other, name="Job", created_at=NOW).pk,
    }
    before = list(UsageRollup.objects.order_by("pk").values())
    Generation.objects.filter(pk=generation.pk).update(
        **{column: changed_values.get(column) or F(column) + LITTLE}
    )
    assert list(UsageRollup.objects.order_by("pk").values()) != before
    assert prove() == []


def test_many_rows_written_at_once_and_deleted_again_are_counted():
    rows = [GenerationFactory(state=State.QUEUED) for _number in range(3)]
    Generation.objects.update(state=State.CANCELLED, credits_held=None)
    assert prove() == []
    assert sum_usage(UsageFilter(states=[State.CANCELLED])).count == 3
    copies = [
        GenerationFactory.build(owner=rows[0].owner, state=State.COMPLETED) for _number in range(3)
    ]
    Generation.objects.bulk_create(copies)
    assert sum_usage(UsageFilter(owner_id=rows[0].owner.pk)).count == 4
    Generation.objects.all().delete()
    assert not UsageRollup.objects.exists()
    assert prove() == []


def test_what_is_rolled_back_was_never_counted():
    with transaction.atomic():
        GenerationFactory()
        assert UsageRollup.objects.count() == 2
        transaction.set_rollback(True)
    assert not UsageRollup.objects.exists()


def test_a_write_of_other_columns_leaves_the_rollup_alone():
    generation = GenerationFactory(state=State.RUNNING)
    version_column = "xmin" if connection.vendor == "postgresql" else "rowid"
    with connection.cursor() as cursor:
        read_versions = f"SELECT {version_column}, id FROM generations_usagerollup"
        cursor.execute(read_versions)
        before = cursor.fetchall()
        Generation.objects.filter(pk=generation.pk).update(progress=40, state=State.RUNNING)
        cursor.execute(read_versions)
        assert cursor.fetchall() == before


SPANS = [
    (None, None),
    (date(2026, 9, 1), date(2026, 11, 30)),
    (date(2026, 9, 15), date(2026, 11, 20)),
    (date(2026, 10, 31), date(2026, 11, 1)),
    (date(2026, 11, 3), date(2026, 11, 20)),
    (date(2026, 11, 20), date(2026, 11, 20)),
    (None, date(2026, 10, 15)),
    (date(2026, 10, 15), None),
    (None, date(2026, 10, 31)),
    (date(2026, 11, 1), None),
]


@pytest.mark.parametrize(("first_day", "last_day"), SPANS)
@pytest.mark.parametrize("by_day", [False, True])
def test_any_span_adds_up_to_the_last_decimal(first_day, last_day, by_day):
    owner = UserFactory()
    for days in range(90):
        GenerationFactory(
            owner=owner,
            state=State.COMPLETED,
            created_at=NOW - timedelta(days=days),
            credits_charged=Decimal(days) + Decimal("0.0001"),
        )
    usage_filter = UsageFilter(first_day, last_day)
    charges = list(filter_generations(usage_filter).values_list("credits_charged", flat=True))
    rows = filter_rollup(usage_filter, by_day=by_day)
    assert sum(row.credits_charged for row in rows) == sum(charges)
    assert sum_usage(usage_filter).credits_charged == sum(charges)
    assert sum_usage(usage_filter).count == len(charges) > 0


def test_months_are_read_as_one_row_each():
    owner = UserFactory()
    for days in range(90):
        GenerationFactory(owner=owner, created_at=NOW - timedelta(days=days))
    rows = filter_rollup(UsageFilter(date(2026, 8, 30), date(2026, 11, 2)))
    assert sorted((row.period, row.starts_on) for row in rows) == [
        (Day, date(2026, 8, 30)),
        (Day, date(2026, 8, 31)),
        (Day, date(2026, 11, 1)),
        (Day, date(2026, 11, 2)),
        (Month, date(2026, 9, 1)),
        (Month, date(2026, 10, 1)),
    ]


def test_nothing_adds_up_to_nothing():
    assert sum_usage(UsageFilter()) == UsageTotals()
    assert prove() == []


def test_each_difference_is_named_and_a_rebuild_mends_it():
    GenerationFactory(state=State.COMPLETED, credits_charged=Decimal("25.7"))
    rows = UsageRollup.objects.filter(period=Day)
    rows.update(credits_charged=F("credits_charged") + LITTLE)
    UsageRollup.objects.filter(period=Month).delete()
    stale = UsageRollup.objects.get()
    stale.pk, stale.starts_on = None, date(2024, 2, 29)
    stale.save()
    key = f"{stale.owner_id} {VEO} completed 0:"
    assert prove() == [
        f"roll-up day 2024-02-29 {key} generation_count +1, credits_estimated +162.0000, "
        "credits_charged +25.7001 against its generations",
        f"roll-up month 2024-02-01 {key} generation_count -1, credits_estimated -162.0000, "
        "credits_charged -25.7001 against its days",
        f"roll-up day 2026-11-20 {key} credits_charged +0.0001 against its generations",
        f"roll-up month 2026-11-01 {key} generation_count -1, credits_estimated -162.0000, "
        "credits_charged -25.7001 against its days",
    ]
    usage_rollup.rebuild()
    assert prove() == []
    assert UsageRollup.objects.count() == 2


def test_a_proof_goes_on_where_the_last_one_stopped():
    owner = UserFactory()
    for days in (0, 1, 40):
        GenerationFactory(owner=owner, created_at=NOW - timedelta(days=days))
    UsageRollup.objects.filter(period=Day).update(generation_count=7)
    steps = list(usage_rollup.prove_rollup(None))
    for number, step in enumerate(steps):
        later_steps = steps[number + 1 :]
        assert list(usage_rollup.prove_rollup(step.position)) == later_steps
    assert sum(step.counts.get("days", 0) for step in steps) == 61
    assert sum(len(step.findings) for step in steps) == 3 + 2


def test_the_command_names_what_is_wrong_and_counts_afresh(capsys):
    GenerationFactory()
    call_command("check_usage")
    assert "Every day and every month adds up." in capsys.readouterr().out
    UsageRollup.objects.filter(period=Month).delete()
    with pytest.raises(CommandError, match="Findings: 1"):
        call_command("check_usage")
    assert "roll-up month 2026-11-01" in capsys.readouterr().out
    call_command("check_usage", rebuild=True)
    usage_rollup.TRIGGERS.drop()
    with pytest.raises(CommandError, match="Findings: 1"):
        call_command("check_usage")
    call_command("check_usage", rebuild=True)
    assert usage_rollup.TRIGGERS.exist()


def test_the_worker_proves_it_every_day():
    assert usage_rollup.ROLLUP_PROOF in DAILY_PROOFS


def test_without_its_triggers_it_says_so_and_the_next_migrate_counts_afresh():
    usage_rollup.TRIGGERS.drop()
    GenerationFactory(state=State.COMPLETED)
    assert len(prove()) == 2
    assert "no longer counts" in prove()[0]
    assert usage_rollup.ensure_rollup()
    assert prove() == []
    assert not usage_rollup.ensure_rollup()


def test_triggers_of_older_code_are_replaced(monkeypatch):
    monkeypatch.setattr(usage_rollup, "SUMS", usage_rollup.SUMS[:2])
    assert not usage_rollup.TRIGGERS.exist()
    monkeypatch.undo()
    assert usage_rollup.TRIGGERS.exist()


def test_an_old_database_is_counted_when_it_is_migrated():
    migration = import_module("evolink_studio.generations.migrations.0006_usage_rollup")
    GenerationFactory(state=State.COMPLETED)
    migration.stop_counting(apps, connection.schema_editor())
    UsageRollup.objects.all().delete()
    GenerationFactory(state=State.FAILED)
    usage_rollup.ensure_rollup()
    assert [row[2:4] for row in read_rollup()] == [("completed", 1), ("failed", 1)]
