"""Entries are only ever added: neither the studio nor somebody at the database changes one."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from evolink_studio.credits import audit
from evolink_studio.credits.models import EntriesAreFinal, Entry, Hold
from tests.credits.conftest import NOW, allow, everything, on_postgres
from tests.credits.flushing import Statements, rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(ada, desk) -> Entry:
    allow(100, person=ada)
    desk.reserve(ada, "36")
    return Entry.objects.get()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: Entry.objects.update(note="x"),
        lambda entry: Entry.objects.filter(pk=entry.pk).delete(),
        lambda entry: Entry.objects.bulk_update([entry], ["note"]),
    ],
)
def test_the_studio_itself_cannot_change_an_entry(entry, attempt):
    before = everything()
    with pytest.raises(EntriesAreFinal):
        attempt(entry)
    assert everything() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credits_entry SET reserved = 0",
        "UPDATE credits_entry SET note = note",
        "DELETE FROM credits_entry",
        "DELETE FROM credits_entry WHERE generation = 1",
    ],
)
def test_the_database_refuses_to_change_an_entry(entry, statement):
    before = everything()
    with (
        pytest.raises(DatabaseError, match="entries of the book are final"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert everything() == before


def test_the_audit_notices_when_the_database_no_longer_refuses(entry):
    rules.free(None, Statements())
    (finding,) = audit.check().findings
    assert "no longer refuses" in str(finding)
    rules.protect(None, Statements())
    assert audit.check().clean


def test_the_whole_book_cannot_be_emptied_by_a_command(entry):
    """`flush` is what an operator might type; only the tests lift the protection for it."""
    before = everything()
    emptying = "TRUNCATE credits_entry CASCADE" if on_postgres() else "DELETE FROM credits_entry"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(emptying)
    assert everything() == before


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("reserve", {}),
        ("settle", {"charged": 1}),
        ("release", {}),
    ],
)
def test_the_database_takes_no_second_beginning_and_no_second_end(entry, desk, kind, more):
    desk.settle(entry.generation, "36")
    second = Entry(
        generation=entry.generation, purse=entry.purse, kind=kind, balance=0, at=NOW, **more
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()
    assert Hold.objects.get().amount == 36


def test_the_database_takes_no_reservation_beyond_the_limit(entry):
    oversold = Entry(
        generation=99,
        purse=entry.purse,
        kind="reserve",
        reserved=65,
        balance=101,
        limit=100,
        at=NOW,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        oversold.save()


def test_a_person_with_credits_in_the_book_cannot_be_deleted(entry, ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        ada.delete()
    call_command("check_ledger")
