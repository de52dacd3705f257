"""Database queries of one poll: with nothing new, with progress on one card and on a hundred.

And when a film is done: then the badge, the banners and the film are read as well.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.figures import Figure
from bench.generation_rows import create_completed, create_running
from bench.instances import InstanceFactory
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.change_feed import FeedToken, get_feed_state
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key

CARD_COUNT = 100
MAX_QUERIES = 3
DAY = timedelta(days=1)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance, instance.use_database():
        (user,) = create_signed_in_users(1)
        now = timezone.now()
        create_completed(user.user, 1, now=now)
        for version, row in enumerate(
            create_running([user.user], CARD_COUNT, now=now, first_poll_delay=DAY, interval=DAY), 2
        ):
            Generation.objects.filter(pk=row.pk).update(changed_version=version)
        Generation.objects.update(
            created_version=0
        )  # the page knows these cards: they are changed, not new
        ChangeFeed.objects.update(version=CARD_COUNT + 1)
        token = get_feed_state(user.user, get_provider_key()).get_token(now)
        idle, _ = _measure_poll(user, token, card_count=0)
        one_card, _ = _measure_poll(user, replace(token, version=CARD_COUNT), card_count=1)
        many_cards, answer_bytes = _measure_poll(
            user, replace(token, version=1), card_count=CARD_COUNT
        )
        completed, _ = _measure_poll(
            user,
            replace(token, version=0, credits_version=token.credits_version + 1),
            card_count=CARD_COUNT,
        )
    yield Figure("queries of a poll, nothing new", idle, at_most=MAX_QUERIES)
    yield Figure("queries of a poll, 1 card with progress", one_card, at_most=MAX_QUERIES)
    yield Figure(
        f"queries of a poll, {CARD_COUNT} cards with progress", many_cards, at_most=MAX_QUERIES
    )
    yield Figure("queries of a poll, a film done and credits changed", completed)
    yield Figure(f"  answer with {CARD_COUNT} cards", answer_bytes / 1000, "KB")


def _measure_poll(user: SignedInUser, since: FeedToken, *, card_count: int) -> tuple[int, int]:
    """Queries and bytes of an answer that must bring so many cards."""
    client, path = user.client, f"/live/?since={since}"
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    rendered_count = answer.content.decode().count("data-generation=")
    if rendered_count != card_count:
        raise RuntimeError(f"{path} brought {rendered_count} cards instead of {card_count}")
    return len(queries), len(answer.content)
