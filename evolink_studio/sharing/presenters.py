"""Shares, their films and answers as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.core.formatting import format_clock_tenths
from evolink_studio.films.presenters.film_page import get_sizer_size
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import build_prompt_text, present_chips
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls
from evolink_studio.sharing.models import Comment, Share, SharedFilm
from evolink_studio.sharing.verdicts import LinkVerdict

MAX_SHOWN_POSTERS = 4


@dataclass(frozen=True)
class ShownFilm:
    """One film of a share, with the addresses of whoever looks; `prompt` only if it is shared.

    `sizer_width` and `sizer_height` have its shape, in any unit.
    """

    number: int
    title: str
    kind: str
    mime: str
    width: int | None
    height: int | None
    sizer_width: int
    sizer_height: int
    seconds_text: str
    url: str
    poster_url: str
    prompt: str
    chips: tuple[str, ...]
    verdict: str


@dataclass(frozen=True)
class ShownComment:
    """An answer; `film_title` is "" where there is only one film, or none is meant."""

    id: int
    guest_name: str
    text: str
    verdict: str
    number: int | None
    film_title: str
    film_url: str
    second: str
    time_text: str
    created_at: datetime
    is_new: bool


@dataclass(frozen=True)
class ShareRow:
    """A share in its owner's list."""

    id: int
    title: str
    state: str
    state_text: str
    ends_at: datetime
    link_verdict: LinkVerdict
    film_count_text: str
    poster_urls: tuple[str, ...]
    has_new_answers: bool
    answered_at: datetime | None
    has_prompt: bool
    url: str


def build_absolute_url(request: HttpRequest, path: str) -> str:
    """With the studio's public address where one is set."""
    return (
        f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)
    )


def build_film_title(generation: Generation, number: int, count: int) -> str:
    """The person's own title, else "Film 2"; just "Film" where there is only one."""
    if generation.title:
        return generation.title
    return _("Film {n}").format(n=number) if count > 1 else _("Film")


def build_share_title(share: Share, films: Sequence[SharedFilm]) -> str:
    """What the share is called, by its title, its film or the number of its films."""
    if share.title:
        return share.title
    if len(films) == 1:
        return build_film_title(films[0].generation, 1, 1)
    return ngettext("{n} film", "{n} films", len(films)).format(n=len(films))


def present_guest_films(
    share: Share, films: Sequence[SharedFilm], token: str, verdicts: Mapping[int, str]
) -> list[ShownFilm]:
    """The films as the guest sees them, with the verdict of each.

    No query, if what was saved is prefetched.
    """

    def present(film: SharedFilm) -> ShownFilm:
        address = [token, film.position]
        return _present_film(
            share,
            film,
            len(films),
            verdicts[film.generation_id],
            url=reverse("shared_file", args=address),
            poster_url=reverse("shared_poster", args=address),
        )

    return [present(film) for film in films]


def present_own_films(
    share: Share, films: Sequence[SharedFilm], verdicts: Mapping[int, str]
) -> list[ShownFilm]:
    """The same films at the addresses of their owner."""

    def present(film: SharedFilm) -> ShownFilm:
        asset = get_shared_asset(film)
        return _present_film(
            share,
            film,
            len(films),
            verdicts[film.generation_id],
            url=reverse("asset", args=[asset.pk]),
            poster_url=build_poster_urls(asset).large,
        )

    return [present(film) for film in films]


def _present_film(
    share: Share, film: SharedFilm, count: int, verdict: str, *, url: str, poster_url: str
) -> ShownFilm:
    asset = get_shared_asset(film)
    generation = film.generation
    sizer_width, sizer_height = get_sizer_size(asset)
    return ShownFilm(
        number=film.position,
        title=build_film_title(generation, film.position, count),
        kind=asset.kind,
        mime=asset.mime,
        width=asset.width,
        height=asset.height,
        sizer_width=sizer_width,
        sizer_height=sizer_height,
        seconds_text=format_second(asset.seconds) if asset.seconds is not None else "",
        url=url,
        poster_url=poster_url if asset.poster else "",
        prompt=build_prompt_text(generation) if share.has_prompt else "",
        chips=present_chips(generation) if share.has_prompt else (),
        verdict=verdict,
    )


def get_shared_asset(film: SharedFilm) -> Asset:
    """What the guest plays: the first saved result."""
    asset: Asset = film.generation.results.all()[0].asset
    return asset


def format_second(second: Decimal) -> str:
    """0:04.2 as a player counts: minutes, seconds and a tenth."""
    return format_clock_tenths(int(second * 10))


def present_comments(
    comments: Sequence[Comment],
    films: Sequence[ShownFilm],
    numbers: Mapping[int, int],
    share: Share,
) -> list[ShownComment]:
    """Answers as both pages show them; those about a film that is gone stay, without it.

    `numbers`: the number of each film by its generation. No query.
    """
    films_by_number = {film.number: film for film in films}
    return [
        _present_comment(
            comment,
            films_by_number.get(numbers.get(comment.generation_id or 0, 0)),
            share,
            len(films),
        )
        for comment in comments
    ]


def _present_comment(
    comment: Comment, film: ShownFilm | None, share: Share, film_count: int
) -> ShownComment:
    # Older verdicts were stored with a time; they are about the whole film.
    has_time = comment.second is not None and film is not None and not comment.verdict
    return ShownComment(
        id=comment.pk,
        guest_name=comment.guest_name,
        text=comment.text,
        verdict=comment.verdict,
        number=film.number if film else None,
        film_title=film.title if film and film_count > 1 else "",
        film_url=film.url if film else "",
        second=f"{comment.second:f}" if has_time else "",
        time_text=format_second(comment.second) if has_time and comment.second is not None else "",
        created_at=comment.created_at,
        is_new=share.seen_at is None or comment.created_at > share.seen_at,
    )


def present_share_row(
    share: Share, films: Sequence[SharedFilm], link_verdict: LinkVerdict, *, now: datetime
) -> ShareRow:
    """A share in its owner's list. No query."""
    state = share.get_state(now)
    assets = [get_shared_asset(film) for film in films[:MAX_SHOWN_POSTERS]]
    return ShareRow(
        id=share.pk,
        title=build_share_title(share, films),
        state=state.value,
        state_text=str(state.label),
        ends_at=share.revoked_at or share.expires_at,
        link_verdict=link_verdict,
        film_count_text=ngettext("{n} film", "{n} films", len(films)).format(n=len(films)),
        poster_urls=tuple(url for asset in assets if (url := build_poster_urls(asset).small)),
        has_new_answers=share.has_new_answers,
        answered_at=share.answered_at,
        has_prompt=share.has_prompt,
        url=reverse("share", args=[share.pk]),
    )


@dataclass(frozen=True)
class ChosenFilm:
    """A film in the form for a new link."""

    id: int
    title: str
    poster_url: str


def present_chosen_films(generations: Sequence[Generation]) -> list[ChosenFilm]:
    """The films that are to be shared. No query, if what was saved is prefetched."""
    return [
        ChosenFilm(
            id=generation.pk,
            title=generation.title or build_prompt_text(generation) or f"#{generation.pk}",
            poster_url=build_poster_urls(generation.results.all()[0].asset).small,
        )
        for generation in generations
    ]
