"""A person's own links: made, shown once, extended, renewed, revoked."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from evolink_studio.sharing import queries, services
from evolink_studio.sharing.models import Comment, Share
from evolink_studio.sharing.tokens import hash_token
from tests.factories import GenerationFactory, UserFactory
from tests.sample_films import make_film

pytestmark = pytest.mark.django_db
LINK_PATTERN = re.compile(r'value="[^"]*(/s/[^"/]+/)"')


@pytest.fixture
def owner():
    return UserFactory()


@pytest.fixture
def client(client, owner):
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    return client


def make_share(owner, *films, **options) -> Share:
    films = films or (make_film(owner),)
    ids = [film.pk for film in films]
    options = {"now": timezone.now(), **options}
    return services.create_share(owner=owner, generation_ids=ids, **options)[0]


def test_a_link_is_made_shown_once_and_only_its_hash_is_kept(client, owner):
    film = make_film(owner)
    form = client.post(reverse("share_films"), {"id": film.pk})
    assert form.status_code == 200
    assert not Share.objects.exists()
    response = client.post(
        reverse("share_films"),
        {"id": film.pk, "days": 30, "title": "For Grace", "has_prompt": "on"},
    )
    path = LINK_PATTERN.search(response.content.decode())[1]
    share = Share.objects.get()
    assert share.token_hash == hash_token(path.split("/")[2])
    assert (share.title, share.has_prompt) == ("For Grace", True)
    assert timedelta(days=29) < share.expires_at - timezone.now() <= timedelta(days=30)
    assert response["HX-Push-Url"] == reverse("share", args=[share.pk])
    assert "/s/" not in client.get(reverse("share", args=[share.pk])).content.decode()
    assert client.get(path).status_code == 200


def test_by_default_a_link_ends_after_a_week_and_says_no_prompt(owner):
    share = make_share(owner)
    assert timedelta(days=6) < share.expires_at - timezone.now() <= timedelta(days=7)
    assert not share.has_prompt


@pytest.mark.parametrize("kind", ["a stranger's", "trashed", "unfinished", "none", "gone", "many"])
def test_what_cannot_be_shared_is_not_and_the_page_says_why(client, owner, kind):
    films = {
        "a stranger's": lambda: [make_film(UserFactory())],
        "trashed": lambda: [make_film(owner, trashed_at=timezone.now())],
        "unfinished": lambda: [GenerationFactory(owner=owner, state="running")],
        "none": list,
        "gone": lambda: [GenerationFactory(owner=owner, state="completed")],
        "many": lambda: [make_film(owner) for _ in range(services.MAX_COMPARED_FILMS + 1)],
    }[kind]()
    data = {"id": [film.pk for film in films], "days": 7, "comparison": "1"}
    response = client.post(reverse("share_films"), data)
    assert 'role="alert"' in response.content.decode()
    assert not Share.objects.exists()


@pytest.mark.parametrize("days", ["2", "0", "-1", "x", "1e3"])
def test_a_link_lasts_as_long_as_is_offered_and_no_longer(client, owner, days):
    film = make_film(owner)
    data = {"id": film.pk, "days": days, "title": "Kept title"}
    response = client.post(reverse("share_films"), data)
    assert response.status_code == 422
    assert "Kept title" in response.content.decode()
    assert not Share.objects.exists()


def test_the_list_marks_new_answers_until_they_were_looked_at(client, owner):
    share = make_share(owner)
    assert queries.count_new_answers(owner) == 0
    services.record_answer(
        share=share, generation=None, guest_name="Grace", text="Good", now=timezone.now()
    )
    assert queries.count_new_answers(owner) == 1
    assert "new answer" in client.get(reverse("shares")).content.decode()
    page = client.get(reverse("share", args=[share.pk])).content.decode()
    assert "Grace" in page
    assert 'data-kind="new"' in page
    assert queries.count_new_answers(owner) == 0
    assert "new answer" not in client.get(reverse("shares")).content.decode()


def test_an_extended_link_works_for_longer_and_never_for_less(client, owner):
    share = make_share(owner, days=30)
    ends_at = share.expires_at
    client.post(reverse("extend_share", args=[share.pk]), {"days": 1})
    share.refresh_from_db()
    assert share.expires_at == ends_at
    client.post(reverse("extend_share", args=[share.pk]), {"days": 90})
    share.refresh_from_db()
    assert share.expires_at > ends_at


def test_a_revoked_link_is_not_extended_and_a_new_one_opens_it_again(client, owner):
    share = make_share(owner)
    client.post(reverse("revoke_share", args=[share.pk]))
    client.post(reverse("extend_share", args=[share.pk]), {"days": 90})
    share.refresh_from_db()
    assert share.get_state(timezone.now()) == Share.State.REVOKED
    old_hash = share.token_hash
    response = client.post(reverse("renew_share", args=[share.pk]))
    path = LINK_PATTERN.search(response.content.decode())[1]
    share.refresh_from_db()
    assert share.token_hash != old_hash
    assert client.get(path).status_code == 200


def test_a_deleted_comment_takes_its_decision_along(client, owner):
    share = make_share(owner)
    for verdict in ("approved", "changes"):
        services.record_answer(
            share=share,
            generation=None,
            guest_name="Grace",
            text="So",
            verdict=verdict,
            now=timezone.now(),
        )
    last = Comment.objects.latest("pk")
    client.post(reverse("delete_comment", args=[share.pk, last.pk]))
    share.refresh_from_db()
    assert share.verdict == "approved"
    assert Comment.objects.count() == 1


def test_a_comment_is_deleted_by_the_owner_of_its_share_alone(client, owner):
    other_share = make_share(UserFactory())
    comment = services.record_answer(
        share=other_share, generation=None, guest_name="G", text="So", now=timezone.now()
    )
    own_share = make_share(owner)
    for pk in (own_share.pk, other_share.pk):
        response = client.post(reverse("delete_comment", args=[pk, comment.pk]))
        assert response.status_code == 404
    assert Comment.objects.exists()


def test_many_links_stand_on_pages_that_lead_to_each_other(client, owner, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    film = make_film(owner)
    now = timezone.now()
    for number in range(3):
        make_share(owner, film, title=f"Link {number}", now=now + timedelta(seconds=number))
    page = client.get(reverse("shares"))
    assert [row.title for row in page.context["shares"]] == ["Link 2", "Link 1"]
    older = client.get(reverse("shares"), {"page": page.context["older_page"]})
    assert [row.title for row in older.context["shares"]] == ["Link 0"]
    assert client.get(reverse("shares"), {"page": "nonsense"}).status_code == 200
