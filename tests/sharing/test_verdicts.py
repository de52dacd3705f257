"""A verdict is about the film it was given for, and a link is approved once all its films are."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evolink_studio.sharing import services
from evolink_studio.sharing.models import Comment, Share
from evolink_studio.sharing.verdicts import (
    GuestDecision,
    LinkVerdict,
    find_film_verdicts,
    sum_up_verdicts,
)
from tests.factories import UserFactory
from tests.form_pages import ParsedPage, element_text
from tests.sample_films import make_film
from tests.sharing.test_guests import answer, page_of, share

pytestmark = pytest.mark.django_db

APPROVED, CHANGES = Share.Verdict.APPROVED.value, Share.Verdict.CHANGES.value
ALL = None


@pytest.fixture
def owner(client):
    owner = UserFactory()
    client.force_login(owner)
    return owner


@pytest.fixture
def films(owner):
    return [make_film(owner, title=title) for title in ("One", "Two", "Three")]


@pytest.fixture
def shared(owner, films) -> tuple[Share, str]:
    return share(owner, *films)


def decide(made: Share, film, verdict: str) -> Comment:
    return services.record_answer(
        share=made,
        generation=film,
        guest_name="Grace",
        text="So",
        second=1,
        verdict=verdict,
        now=timezone.now(),
    )


def read_badges(client: Client, address: str) -> list[str]:
    """The verdict at each film, "" for none."""
    page = ParsedPage(client.get(address))
    return [
        " ".join(element_text(item).split()) for item in page.find_all("p[@class='film-verdict']")
    ]


def read_link_verdicts(client: Client, made: Share, token: str) -> set[str]:
    """What the guest's page, the owner's page and the list say about the link."""
    return {
        read_verdict(Client(), page_of(token), "section[@id='conversation']/p"),
        read_verdict(client, reverse("share", args=[made.pk]), "div[@class='share-heading']"),
        read_verdict(client, reverse("shares"), "p[@class='share-verdict']"),
    }


def read_verdict(client: Client, address: str, place: str) -> str:
    found = ParsedPage(client.get(address)).find_all(f"{place}//span[@class]")
    return " ".join(element_text(found[0]).split()) if found else ""


@pytest.mark.parametrize(
    ("decisions", "verdicts", "link"),
    [
        ([], ["", "", ""], LinkVerdict("", 0, 3)),
        ([(1, APPROVED)], ["", APPROVED, ""], LinkVerdict("", 1, 3)),
        (
            [(0, APPROVED), (1, APPROVED), (2, APPROVED)],
            [APPROVED] * 3,
            LinkVerdict(APPROVED, 3, 3),
        ),
        ([(ALL, APPROVED)], [APPROVED] * 3, LinkVerdict(APPROVED, 3, 3)),
        ([(0, CHANGES), (1, APPROVED)], [CHANGES, APPROVED, ""], LinkVerdict(CHANGES, 1, 3)),
        ([(0, CHANGES), (0, APPROVED)], [APPROVED, "", ""], LinkVerdict("", 1, 3)),
        ([(0, CHANGES), (ALL, APPROVED)], [APPROVED] * 3, LinkVerdict(APPROVED, 3, 3)),
        (
            [(ALL, APPROVED), (2, CHANGES)],
            [APPROVED, APPROVED, CHANGES],
            LinkVerdict(CHANGES, 2, 3),
        ),
        ([(0, ""), (99, CHANGES)], ["", "", ""], LinkVerdict("", 0, 3)),
    ],
)
def test_the_newest_verdict_of_a_film_counts_and_a_link_is_what_its_films_are(
    shared, films, decisions, verdicts, link
):
    made, _token = shared
    ids = {number: film.pk for number, film in enumerate(films)} | {ALL: None}
    found = find_film_verdicts(
        list(made.films.all()),
        [GuestDecision(ids.get(number, 10**9), verdict) for number, verdict in decisions],
    )
    assert [found[film.pk] for film in films] == verdicts
    assert sum_up_verdicts(found) == link


def test_each_film_has_its_own_badge_and_the_link_says_how_many(client, shared, films):
    made, token = shared
    own_page = reverse("share", args=[made.pk])

    decide(made, films[1], APPROVED)
    for somebody, address in ((Client(), page_of(token)), (client, own_page)):
        assert read_badges(somebody, address) == ["", "Approved", ""]
    assert read_link_verdicts(client, made, token) == {"1 of 3 approved"}

    decide(made, films[0], CHANGES)
    for somebody, address in ((Client(), page_of(token)), (client, own_page)):
        assert read_badges(somebody, address) == ["Changes asked for", "Approved", ""]
    decide(made, films[2], APPROVED)
    assert read_link_verdicts(client, made, token) == {"Changes asked for"}

    decide(made, films[0], APPROVED)
    assert read_link_verdicts(client, made, token) == {"Approved"}


def test_a_verdict_about_all_films_is_that_of_each(client, shared, films):
    made, token = shared
    decide(made, films[0], CHANGES)
    decide(made, None, APPROVED)
    assert read_badges(client, page_of(token)) == ["Approved"] * 3
    assert read_link_verdicts(client, made, token) == {"Approved"}


def test_a_film_in_the_trash_is_not_waited_for(client, shared, films):
    made, token = shared
    decide(made, films[0], APPROVED)
    decide(made, films[1], APPROVED)
    type(films[2]).objects.filter(pk=films[2].pk).update(trashed_at=timezone.now())
    assert read_link_verdicts(client, made, token) == {"Approved"}


def test_a_verdict_has_no_time_in_the_film(client, shared, films):
    made, token = shared
    decide(made, films[0], CHANGES)
    assert Comment.objects.get().second is None
    Comment.objects.update(second=1)  # as it was stored once
    assert "data-seek" not in client.get(page_of(token)).content.decode()


def test_an_answer_brings_the_badges_of_the_films_along(shared):
    made, token = shared
    page = answer(Client(), made, token, number="2", verdict=APPROVED, text="").content.decode()
    badges = page.split('hx-swap-oob="true"')[1:]
    assert ["Approved" in badge for badge in badges] == [False, True, False]
    assert 'id="film-2-verdict"' in page


def test_one_film_has_its_verdict_at_the_link_alone(client, owner, films):
    made, token = share(owner, films[0])
    page = answer(Client(), made, token, verdict=APPROVED, text="").content.decode()
    assert "film-verdict" not in page
    assert read_badges(client, page_of(token)) == []
    assert read_link_verdicts(client, made, token) == {"Approved"}


def test_the_list_of_links_asks_as_often_for_many_as_for_one(client, owner, films):
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("shares"))
        return len(queries)

    counts = []
    for number in range(4):
        made, _token = share(owner, *films)
        decide(made, films[number % 3], APPROVED)
        client.get(reverse("shares"))
        counts.append(count_queries())
    assert len(set(counts)) == 1
