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
from bench.grounds import Grounds
from bench.people import Person, people
from bench.rows import kept, running
from bench.sizes import Size
from evolink_studio.generations.change_feed import FeedToken, feed_state
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.provider import provider_key

CARDS = 100
MOST = 3
DAY = timedelta(days=1)


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world, world.database():
        (person,) = people(1)
        now = timezone.now()
        kept(person.user, 1, now=now)
        for version, row in enumerate(
            running([person.user], CARDS, now=now, due=DAY, interval=DAY), 2
        ):
            Generation.objects.filter(pk=row.pk).update(changed_version=version)
        Generation.objects.update(
            created_version=0
        )  # the page knows these cards: they are changed, not new
        ChangeFeed.objects.update(version=CARDS + 1)
        token = feed_state(person.user, provider_key()).get_token(now)
        idle, _ = _poll(person, token, cards=0)
        one, _ = _poll(person, replace(token, version=CARDS), cards=1)
        many, weight = _poll(person, replace(token, version=1), cards=CARDS)
        done, _ = _poll(
            person,
            replace(token, version=0, credits_version=token.credits_version + 1),
            cards=CARDS,
        )
    yield Figure("queries of a poll, nothing new", idle, most=MOST)
    yield Figure("queries of a poll, 1 card with progress", one, most=MOST)
    yield Figure(f"queries of a poll, {CARDS} cards with progress", many, most=MOST)
    yield Figure("queries of a poll, a film done and credits changed", done)
    yield Figure(f"  answer with {CARDS} cards", weight / 1000, "KB")


def _poll(person: Person, since: FeedToken, *, cards: int) -> tuple[int, int]:
    """Queries and bytes of an answer that must bring so many cards."""
    client, path = person.client, f"/live/?since={since}"
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    brought = answer.content.decode().count("data-generation=")
    if brought != cards:
        raise RuntimeError(f"{path} brought {brought} cards instead of {cards}")
    return len(asked), len(answer.content)
