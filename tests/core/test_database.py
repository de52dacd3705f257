"""Writes that may be lost with the power, and that no other write becomes one of them."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from evolink_studio.accounts.models import User
from evolink_studio.core.database import consistent_snapshot, volatile_writes
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

_QUESTIONS = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
DURABLE = {"sqlite": 2, "postgresql": "on"}  # SQLite's 2 is FULL
VOLATILE = {"sqlite": 1, "postgresql": "off"}


def read_durability() -> object:
    """What the database says of the next commit on this connection."""
    with connection.cursor() as cursor:
        cursor.execute(_QUESTIONS[connection.vendor])
        return cursor.fetchone()[0]


def is_durable() -> bool:
    return read_durability() == DURABLE[connection.vendor]


def test_a_commit_waits_for_the_disk_but_within():
    assert is_durable()
    with volatile_writes():
        assert read_durability() == VOLATILE[connection.vendor]
        UserFactory(username="lost")
    assert is_durable()
    assert User.objects.filter(username="lost").exists()


@pytest.mark.parametrize("error", [ValueError("no"), DatabaseError("locked"), KeyboardInterrupt()])
def test_after_an_error_every_commit_waits_again(error):
    def break_off():
        UserFactory()
        raise error

    with pytest.raises(type(error)), volatile_writes():
        break_off()
    assert is_durable()


def test_after_a_broken_transaction_within_every_commit_waits_again():
    UserFactory(username="ada")
    with pytest.raises(IntegrityError), volatile_writes(), transaction.atomic():
        User.objects.create(username="ada")
    assert is_durable()


def test_a_transaction_stays_as_durable_as_its_other_writes():
    with transaction.atomic():
        with volatile_writes():
            assert is_durable()
            UserFactory()
        assert is_durable()
    assert is_durable()


def test_a_connection_that_was_lost_within_is_opened_durable():
    with volatile_writes():
        if connection.vendor == "sqlite":
            connection.close()
            assert is_durable()
    connection.close()
    assert is_durable()


def test_within_a_snapshot_nothing_is_made_volatile():
    """SQLite refuses to change it in a transaction, and that is said."""
    if connection.vendor == "sqlite":
        with pytest.raises(DatabaseError), consistent_snapshot(), volatile_writes():
            pytest.fail("not reached")
    else:
        with consistent_snapshot(), volatile_writes():
            assert is_durable()
    assert is_durable()


def test_a_connection_that_cannot_be_made_durable_is_given_up(monkeypatch):
    if connection.vendor != "sqlite":
        assert is_durable()  # there the transaction itself takes it back
        return
    execute = connection.execute_wrapper

    def refuse(run, sql, params, many, context):
        if sql == "PRAGMA synchronous=FULL":
            raise DatabaseError("refused")
        return run(sql, params, many, context)

    with pytest.raises(DatabaseError), execute(refuse), volatile_writes():
        UserFactory()
    assert connection.connection is None
    assert is_durable()
