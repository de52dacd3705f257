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
from tests.generations.conftest import reload

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LATER = NOW + LEASE_DURATION / 2


@pytest.fixture
def two_generations(ada) -> list[Generation]:
    return GenerationFactory.create_batch(2, owner=ada, state=State.RUNNING, next_attempt_at=NOW)


def run_in_thread(work: Callable[[], object]) -> object:
    """In another thread with a connection of its own, for as long as it may take."""

    def run_and_disconnect() -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run_and_disconnect).result(30)


def update_row(generation: Generation) -> None:
    """As a read's answer is stored: in a transaction that may have locked others of its batch."""
    assert Generation.objects.filter(pk=generation.pk).update(progress=50) == 1


def test_a_lease_is_renewed_beside_rows_that_are_being_written(two_generations):
    lease_id, _ = lease_due(State.RUNNING, limit=2, now=NOW)
    with transaction.atomic():
        update_row(two_generations[1])
        run_in_thread(lambda: renew_leases([lease_id], now=LATER))
        update_row(
            two_generations[0]
        )  # whoever locked this one and waited for the other would end here
    assert reload(two_generations[0]).next_attempt_at == LATER + LEASE_DURATION
    assert reload(two_generations[1]).next_attempt_at == NOW + LEASE_DURATION


def test_an_admin_who_refreshes_leaves_alone_what_is_being_written(two_generations):
    with transaction.atomic():
        update_row(two_generations[1])
        rows = Generation.objects.filter(state=State.RUNNING)
        assert run_in_thread(lambda: refresh_now(queryset=rows, now=LATER)) == 1
        update_row(two_generations[0])
    assert reload(two_generations[0]).next_attempt_at == LATER
    assert reload(two_generations[1]).next_attempt_at == NOW
