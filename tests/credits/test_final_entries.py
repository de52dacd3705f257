"""Entries are only ever added: neither the studio nor somebody at the database changes one."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from evolink_studio.credits import audit
from evolink_studio.credits.models import ImmutableEntryError, LedgerEntry, Reservation
from tests.credits.conftest import NOW, create_allowance, dump_ledger, is_postgres
from tests.credits.ledger_flush import StatementRunner, immutability_migration

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(ada, ledger_driver) -> LedgerEntry:
    create_allowance(100, user=ada)
    ledger_driver.reserve(ada, "36")
    return LedgerEntry.objects.get()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: LedgerEntry.objects.update(note="x"),
        lambda entry: LedgerEntry.objects.filter(pk=entry.pk).delete(),
        lambda entry: LedgerEntry.objects.bulk_update([entry], ["note"]),
    ],
)
def test_the_studio_itself_cannot_change_an_entry(entry, attempt):
    before = dump_ledger()
    with pytest.raises(ImmutableEntryError):
        attempt(entry)
    assert dump_ledger() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credits_ledgerentry SET credits_reserved_delta = 0",
        "UPDATE credits_ledgerentry SET note = note",
        "DELETE FROM credits_ledgerentry",
        "DELETE FROM credits_ledgerentry WHERE generation_id = 1",
    ],
)
def test_the_database_refuses_to_change_an_entry(entry, statement):
    before = dump_ledger()
    with (
        pytest.raises(DatabaseError, match="entries of the book are final"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert dump_ledger() == before


def test_the_audit_notices_when_the_database_no_longer_refuses(entry):
    immutability_migration.unprotect_entries(None, StatementRunner())
    (finding,) = audit.audit_ledger().findings
    assert "no longer refuses" in str(finding)
    immutability_migration.protect_entries(None, StatementRunner())
    assert audit.audit_ledger().is_clean


def test_the_whole_ledger_cannot_be_emptied_by_a_command(entry):
    """`flush` is what an operator might type; only the tests lift the protection for it."""
    before = dump_ledger()
    statement = (
        "TRUNCATE credits_ledgerentry CASCADE"
        if is_postgres()
        else "DELETE FROM credits_ledgerentry"
    )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert dump_ledger() == before


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("reserve", {}),
        ("settle", {"credits_charged_delta": 1}),
        ("release", {}),
    ],
)
def test_the_database_takes_no_second_beginning_and_no_second_end(
    entry, ledger_driver, kind, fields
):
    ledger_driver.settle(entry.generation_id, "36")
    second = LedgerEntry(
        generation_id=entry.generation_id,
        balance=entry.balance,
        kind=kind,
        credits_used_after=0,
        created_at=NOW,
        **fields,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()
    assert Reservation.objects.get().credits == 36


def test_the_database_takes_no_reservation_beyond_the_limit(entry):
    entry_beyond_limit = LedgerEntry(
        generation_id=99,
        balance=entry.balance,
        kind="reserve",
        credits_reserved_delta=65,
        credits_used_after=101,
        credits_limit=100,
        created_at=NOW,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        entry_beyond_limit.save()


def test_a_user_with_ledger_entries_cannot_be_deleted(entry, ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        ada.delete()
    call_command("check_ledger")
