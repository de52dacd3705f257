"""What a connection to PostgreSQL promises. `scripts/with-postgres` runs the server for them."""

import threading

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, close_old_connections, connection, transaction
from django.db.models.signals import post_migrate

from evolink_studio.generations.models import Generation
from tests.factories import GenerationFactory, UserFactory

__test__ = connection.vendor == "postgresql"
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "20s"),
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
    ],
)
def test_nothing_waits_for_ever_and_a_commit_is_durable(name, value):
    assert read_setting(name) == value


def read_setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_a_migration_of_a_large_database_may_take_its_time():
    timeouts: list[str] = []

    def look(**_kwargs: object) -> None:
        timeouts.append(read_setting("statement_timeout"))

    app = apps.get_app_config("exports")
    post_migrate.connect(look, sender=app)
    try:
        call_command("migrate", verbosity=0)
    finally:
        post_migrate.disconnect(look, sender=app)
    assert timeouts == ["0"]
    assert read_setting("statement_timeout") == "30s"


def test_a_row_locked_by_a_frozen_process_is_given_up_in_the_end():
    row = GenerationFactory(owner=UserFactory())
    lock_event, end_event = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Generation.objects.select_for_update().get()
                lock_event.set()
                end_event.wait(30)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert lock_event.wait(30)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            with pytest.raises(OperationalError):
                Generation.objects.filter(pk=row.pk).update(progress=1)
            transaction.set_rollback(True)
    finally:
        end_event.set()
        holder.join()
    assert Generation.objects.filter(pk=row.pk).update(progress=1) == 1


def test_a_connection_that_the_server_closed_is_replaced_at_the_next_request():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend_pid,) = cursor.fetchone()
    other_connection = connection.copy()
    with other_connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend_pid])
    other_connection.close()
    close_old_connections()  # what Django does when a request begins
    assert not Generation.objects.exists()
