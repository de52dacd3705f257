"""Whoever changes several rows at once waits for none of them, on a server with row locks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due, renew_leases
from evolink_studio.generations.services import refresh_now
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LATER = NOW + LEASE_DURATION / 2


@pytest.fixture
def pair(ada) -> list[Generation]:
    return GenerationFactory.create_batch(2, owner=ada, state=State.RUNNING, next_attempt_at=NOW)


def beside(work: Callable[[], object]) -> object:
    """In another thread with a connection of its own, for as long as it may take."""

    def and_hang_up() -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(and_hang_up).result(30)


def write(generation: Generation) -> None:
    """As a read's answer is kept: in a transaction that may hold others of the same batch."""
    assert Generation.objects.filter(pk=generation.pk).update(progress=50) == 1


def test_a_lease_is_renewed_beside_rows_that_are_being_written(pair):
    held, _ = lease_due(State.RUNNING, limit=2, now=NOW)
    with transaction.atomic():
        write(pair[1])
        beside(lambda: renew_leases([held], now=LATER))
        write(pair[0])  # whoever held this one and waited for the other would end here
    assert fresh(pair[0]).next_attempt_at == LATER + LEASE_DURATION
    assert fresh(pair[1]).next_attempt_at == NOW + LEASE_DURATION


def test_an_admin_who_looks_now_leaves_alone_what_is_being_written(pair):
    with transaction.atomic():
        write(pair[1])
        rows = Generation.objects.filter(state=State.RUNNING)
        assert beside(lambda: refresh_now(queryset=rows, now=LATER)) == 1
        write(pair[0])
    assert fresh(pair[0]).next_attempt_at == LATER
    assert fresh(pair[1]).next_attempt_at == NOW
