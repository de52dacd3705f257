"""A guest with a link: sees the films, answers, and reaches nothing else."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evolink_studio.sharing import services
from evolink_studio.sharing.models import Comment, Share
from evolink_studio.sharing.signals import share_answered
from evolink_studio.sharing.throttling import ANSWERS, UNKNOWN_TOKENS
from evolink_studio.sharing.tokens import create_form_token, create_token
from tests.factories import AssetFactory, UserFactory
from tests.sample_films import make_film

pytestmark = pytest.mark.django_db
HOSTILE_TEXT = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7|add:7 }}"


@pytest.fixture
def owner():
    cache.clear()
    return UserFactory(first_name="Ada", last_name="L")


@pytest.fixture
def film(owner):
    return make_film(owner, prompt="A secret recipe", title="The hero shot")


@pytest.fixture
def guest():
    return Client(enforce_csrf_checks=True)


def share(owner, *films, **options) -> tuple[Share, str]:
    ids = [film.pk for film in films]
    return services.create_share(owner=owner, generation_ids=ids, now=timezone.now(), **options)


def page_of(token: str) -> str:
    return reverse("shared", args=[token])


def answer(guest: Client, made: Share, token: str, *, htmx: bool = True, **fields):
    data = {
        "form": create_form_token(made.token_hash),
        "guest_name": "Grace",
        "text": "Brighter, please",
        "number": "1",
        **fields,
    }
    return guest.post(
        reverse("shared_answer", args=[token]),
        urlencode(data),
        content_type="application/x-www-form-urlencoded",
        headers={"HX-Request": "true"} if htmx else {},
    )


def test_a_guest_sees_the_film_without_an_account_a_cookie_or_a_word_of_the_prompt(
    owner, film, guest
):
    _, token = share(owner, film, title="For Grace")
    response = guest.get(page_of(token))
    page = response.content.decode()
    assert response.status_code == 200
    assert not response.cookies
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]
    assert "no-store" in response["Cache-Control"]
    assert "For Grace" in page
    assert "The hero shot" in page
    assert "secret recipe" not in page
    assert "/library/" not in page


def test_with_prompt_and_settings_the_guest_reads_them(owner, film, guest):
    _, token = share(owner, film, has_prompt=True)
    page = guest.get(page_of(token)).content.decode()
    assert "A secret recipe" in page
    assert "720p" in page


def test_a_messenger_finds_a_title_and_a_picture_at_the_public_address(
    owner, film, guest, settings
):
    settings.PUBLIC_URL = "https://studio.example"
    _, token = share(owner, film)
    page = guest.get(page_of(token)).content.decode()
    preview_path = reverse("shared_preview", args=[token])
    assert f'property="og:image" content="https://studio.example{preview_path}"' in page
    assert 'property="og:title" content="The hero shot"' in page
    preview = guest.get(preview_path)
    assert preview["Content-Type"] == "image/jpeg"
    assert preview.content.startswith(b"\xff\xd8")


def test_the_film_plays_by_ranges_under_a_name_that_says_nothing(owner, film, guest):
    _, token = share(owner, film)
    url = reverse("shared_file", args=[token, 1])
    response = guest.get(url, headers={"Range": "bytes=0-99"})
    assert response.status_code == 206
    assert len(b"".join(response.streaming_content)) == 100
    assert "film-1.mp4" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    assert guest.get(reverse("shared_poster", args=[token, 1])).status_code == 200


def test_a_picture_or_a_sound_is_shown_as_what_it_is(owner, guest):
    picture = make_film(owner, clip=AssetFactory(owner=owner))
    sound = make_film(
        owner, clip=AssetFactory(owner=owner, kind="audio", format="mp3", mime="audio/mpeg")
    )
    _, token = share(owner, sound, picture)
    page = guest.get(page_of(token)).content.decode()
    assert "<audio" in page
    assert "<img" in page
    assert "og:image" not in page  # a sound has none
    assert guest.get(reverse("shared_preview", args=[token])).status_code == 404


@pytest.mark.parametrize("name", ["shared_file", "shared_poster"])
def test_no_other_film_is_reachable_with_the_link(owner, film, guest, name):
    other = make_film(owner)
    _, token = share(owner, film)
    for number in (0, 2, film.pk + 7, other.pk + 7, 10**17):
        assert guest.get(reverse(name, args=[token, number])).status_code == 404


def end(made: Share) -> None:
    Share.objects.filter(pk=made.pk).update(expires_at=timezone.now())


def revoke(made: Share) -> None:
    services.revoke_share(share=made, now=timezone.now())


def renew(made: Share) -> None:
    services.renew_link(share=made, now=timezone.now())


def trash(made: Share) -> None:
    made.generations.update(trashed_at=timezone.now())


def switch_owner_off(made: Share) -> None:
    made.owner.is_active = False
    made.owner.save()


@pytest.mark.parametrize("close", [end, revoke, renew, trash, switch_owner_off])
def test_what_is_over_answers_at_once_like_what_never_was(owner, film, guest, close):
    made, token = share(owner, film)
    paths = [
        page_of(token),
        reverse("shared_file", args=[token, 1]),
        reverse("shared_poster", args=[token, 1]),
        reverse("shared_preview", args=[token]),
    ]
    assert [guest.get(path).status_code for path in paths] == [200] * 4
    close(made)
    unknown_page = guest.get(page_of(create_token()))
    for path in paths:
        response = guest.get(path)
        assert response.status_code == unknown_page.status_code == 404
        assert response.content == unknown_page.content
    assert answer(guest, made, token).status_code in (403, 404)
    assert not Comment.objects.exists()


def test_a_film_in_the_trash_leaves_the_others_their_numbers(owner, film, guest):
    second = make_film(owner, title="The other")
    _, token = share(owner, film, second)
    film.trashed_at = timezone.now()
    film.save(update_fields=["trashed_at"])
    page = guest.get(page_of(token)).content.decode()
    assert "The hero shot" not in page
    assert "The other" in page
    assert guest.get(reverse("shared_file", args=[token, 1])).status_code == 404
    assert guest.get(reverse("shared_file", args=[token, 2])).status_code == 200


def test_whoever_tries_tokens_is_slowed_down_and_who_has_one_is_not(owner, film, guest):
    _, token = share(owner, film)
    for _ in range(UNKNOWN_TOKENS.limit):
        assert guest.get(page_of(create_token())).status_code == 404
    assert guest.get(page_of(create_token())).status_code == 429
    assert guest.get(page_of(token)).status_code == 200


# --- answers ----------------------------------------------------------------------------------


def test_a_comment_at_a_time_is_kept_and_shown_with_the_way_to_it(owner, film, guest):
    told = []
    made, token = share(owner, film)
    listen = lambda share, comment, **_: told.append((share.pk, comment.pk))  # noqa: E731
    share_answered.connect(listen)
    response = answer(guest, made, token, second="1.250")
    share_answered.disconnect(listen)
    assert response.status_code == 200
    comment = Comment.objects.get()
    assert (comment.guest_name, comment.text, comment.generation) == (
        "Grace",
        "Brighter, please",
        film,
    )
    assert f"{comment.second:f}" == "1.250"
    assert told == [(made.pk, comment.pk)]
    page = response.content.decode()
    assert 'data-seek="1.250"' in page
    assert 'value="Grace"' in page  # asked once
    made.refresh_from_db()
    assert made.has_new_answers


def test_a_time_beyond_the_end_is_that_of_the_end(owner, film, guest):
    made, token = share(owner, film)
    answer(guest, made, token, second="500")
    assert Comment.objects.get().second == film.results.get().asset.seconds


def test_the_last_decision_counts_and_changes_need_a_word(owner, film, guest):
    made, token = share(owner, film)
    assert answer(guest, made, token, verdict="approved", text="").status_code == 200
    refused = answer(guest, made, token, verdict="changes", text="")
    assert refused.status_code == 422
    assert "Say what should change." in refused.content.decode()
    made.refresh_from_db()
    assert made.verdict == "approved"
    answer(guest, made, token, verdict="changes", text="Slower")
    made.refresh_from_db()
    assert made.verdict == "changes"


def test_without_scripts_the_answer_leads_back_to_the_page(owner, film, guest):
    made, token = share(owner, film)
    response = answer(guest, made, token, htmx=False)
    assert (response.status_code, response["Location"]) == (302, page_of(token))


@pytest.mark.parametrize(
    "fields",
    [
        {"guest_name": ""},
        {"guest_name": "x" * 61},
        {"text": ""},
        {"text": "y" * 2001},
        {"text": "with a \0 in it"},
        {"second": "-1"},
        {"second": "NaN"},
        {"second": "1e99"},
        {"number": "2"},
        {"number": "x"},
        {"verdict": "owned"},
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(owner, film, guest, fields):
    made, token = share(owner, film)
    response = answer(guest, made, token, **fields)
    assert response.status_code == 422
    assert not Comment.objects.exists()
    kept = {"text": "Brighter, please", "guest_name": "Grace", **fields}
    assert kept["guest_name"] in response.content.decode()
    assert 'role="alert"' in response.content.decode()


def test_what_a_guest_writes_is_text_and_nothing_else(owner, film, guest):
    made, token = share(owner, film, title=HOSTILE_TEXT)
    answer(guest, made, token, text=HOSTILE_TEXT, guest_name=HOSTILE_TEXT[:60])
    owner_page = Client()
    owner_page.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    for client, path in (
        (guest, page_of(token)),
        (owner_page, reverse("share", args=[made.pk])),
        (owner_page, reverse("shares")),
    ):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("form", ["", "no-token", "of another share", "a day old"])
def test_a_form_that_is_not_from_this_page_is_refused(owner, film, guest, form, time_machine):
    made, token = share(owner, film)
    other, _ = share(owner, film)
    if form == "of another share":
        form = create_form_token(other.token_hash)
    if form == "a day old":
        form = create_form_token(made.token_hash)
        time_machine.move_to(timezone.now() + timedelta(hours=25))
    response = answer(guest, made, token, form=form)
    assert response.status_code == 403
    assert "Brighter, please" in response.content.decode()
    assert not Comment.objects.exists()


def test_a_flood_from_one_address_is_stopped(owner, film, guest):
    made, token = share(owner, film)
    for number in range(ANSWERS.limit):
        assert answer(guest, made, token, text=f"Brighter by {number}").status_code == 200
    response = answer(guest, made, token)
    assert response.status_code == 429
    assert "Brighter, please" in response.content.decode()
    assert Comment.objects.count() == ANSWERS.limit


def test_a_share_takes_so_many_answers_and_no_more(owner, film, guest, monkeypatch):
    monkeypatch.setattr(services, "MAX_COMMENTS", 1)
    made, token = share(owner, film)
    assert answer(guest, made, token).status_code == 200
    assert answer(guest, made, token, text="And slower").status_code == 422
    assert Comment.objects.count() == 1


@pytest.mark.parametrize("htmx", [True, False])
def test_a_press_that_is_repeated_is_stored_and_told_once(owner, film, guest, htmx, monkeypatch):
    monkeypatch.setattr(services, "MAX_COMMENTS", 1)  # nor is there room to be needed twice
    told = []
    listen = lambda comment, **_: told.append(comment.pk)  # noqa: E731
    made, token = share(owner, film)
    sent = {"form": create_form_token(made.token_hash), "second": "1.250", "htmx": htmx}
    share_answered.connect(listen)
    responses = [answer(guest, made, token, **sent) for _ in range(3)]
    share_answered.disconnect(listen)
    assert {response.status_code for response in responses} == {200 if htmx else 302}
    assert told == [Comment.objects.get().pk]


def test_a_decision_that_is_repeated_does_not_undo_a_later_one(owner, film, guest):
    made, token = share(owner, film)
    approval = {"form": create_form_token(made.token_hash), "verdict": "approved"}
    answer(guest, made, token, **approval)
    answer(guest, made, token, verdict="changes", text="Slower")
    answer(guest, made, token, **approval)
    made.refresh_from_db()
    assert made.verdict == "changes"
    assert Comment.objects.count() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Darker, please"},
        {"guest_name": "Alan"},
        {"second": "1.5"},
        {"number": ""},
        {"verdict": "approved"},
        {"form": "of another rendering"},
    ],
)
def test_another_answer_of_the_same_page_is_an_answer_of_its_own(
    owner, film, guest, other, time_machine
):
    made, token = share(owner, film, make_film(owner))
    sent = {"form": create_form_token(made.token_hash), "second": "1.250"}
    answer(guest, made, token, **sent)
    if "form" in other:
        time_machine.move_to(timezone.now() + timedelta(minutes=1))
        other = {"form": create_form_token(made.token_hash)}
    answer(guest, made, token, **{**sent, **other})
    assert Comment.objects.count() == 2


def test_the_page_of_many_films_and_answers_asks_as_often_as_that_of_one(
    owner, film, guest, django_assert_num_queries
):
    made, token = share(owner, film, *(make_film(owner) for _ in range(3)), is_comparison=True)
    for number in "1234":
        answer(guest, made, token, number=number)
    with django_assert_num_queries(4):
        page = guest.get(page_of(token)).content.decode()
    assert "guest-comparison" in page
