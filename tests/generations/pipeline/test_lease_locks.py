"""A worker takes what waits while people press: neither waits for somebody who waits for them."""

import threading
import time

import pytest
from django.db import connection, transaction

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.services import cancel
from evolink_studio.generations.transitions import increment_feed_version
from tests.factories import NOW, GenerationFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_generation_that_is_being_cancelled_is_not_leased_and_nobody_is_turned_away(ada):
    with transaction.atomic():
        increment_feed_version(ada.pk)
    generation = GenerationFactory(owner=ada)
    start_event, results = threading.Event(), []

    def press_cancel() -> None:
        try:
            with transaction.atomic():
                increment_feed_version(ada.pk)  # as every move begins
                start_event.set()
                time.sleep(0.3)  # until the other one waits
                results.append(cancel(generation=generation, now=NOW))
        finally:
            connection.close()

    user = threading.Thread(target=press_cancel)
    user.start()
    assert start_event.wait(60)
    _, leased_rows = lease_next(limit=5, now=NOW, limits=ConcurrencyLimits())
    user.join(60)
    assert (leased_rows, results) == ([], [True])
    assert Generation.objects.get().state == "cancelled"
