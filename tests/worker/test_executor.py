"""Threads of the worker beside its one thread for the database."""

import pytest
from django.db import connection

from evolink_studio.generations.models import Generation
from evolink_studio.worker.management.commands.worker import ConnectionClosingExecutor
from tests.factories import GenerationFactory


@pytest.mark.django_db(transaction=True)
def test_a_thread_without_work_keeps_no_connection_that_could_break():
    GenerationFactory()
    with ConnectionClosingExecutor(1) as threads:
        assert threads.submit(Generation.objects.count).result() == 1
        assert threads.submit(lambda: connection.connection).result() is None


def test_what_goes_wrong_in_a_thread_is_told():
    with ConnectionClosingExecutor(1) as threads, pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result()
