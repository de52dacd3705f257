"""The guest's page: what it shows, and what becomes of a form that was sent from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.library.models import Asset
from evolink_studio.sharing import queries, services
from evolink_studio.sharing.forms import AnswerForm
from evolink_studio.sharing.models import Share, SharedFilm
from evolink_studio.sharing.presenters import (
    build_absolute_url,
    build_film_title,
    build_share_title,
    get_shared_asset,
    present_comments,
    present_guest_films,
)
from evolink_studio.sharing.throttling import ANSWERS
from evolink_studio.sharing.tokens import create_form_token, create_press_key, is_form_token_of
from evolink_studio.sharing.verdicts import find_film_verdicts, sum_up_verdicts


@dataclass(frozen=True)
class Answer:
    """What became of a form: `form` is to be shown again, `note` says that it was stored."""

    form: AnswerForm
    note: str = ""
    status: int = HTTPStatus.OK

    @property
    def is_stored(self) -> bool:
        return bool(self.note)


def take_answer(share: Share, data: Mapping[str, Any], *, address: str, now: datetime) -> Answer:
    """Check and store what was sent. What was typed is kept when it is not stored."""
    films = queries.list_shared_films([share])[share.pk]
    form = AnswerForm(data, choices=_list_choices(films))
    form_token = str(data.get("form", ""))
    if not is_form_token_of(share.token_hash, form_token):
        error = _("This page was open too long, so nothing was sent. Send it again now.")
        return _refuse(form, error, HTTPStatus.FORBIDDEN)
    if not form.is_valid():
        return Answer(form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if not ANSWERS.is_within(share.pk, address, now=now):
        error = _("That was a lot in a short time, so this was not sent. Wait a few minutes.")
        return _refuse(form, error, HTTPStatus.TOO_MANY_REQUESTS)
    try:
        _store_answer(share, films, form, form_token, now)
    except services.ShareFull:
        error = _("There are as many answers here as can be kept, so this one was not sent.")
        return _refuse(form, error, HTTPStatus.UNPROCESSABLE_ENTITY)
    except services.ShareClosed as error:
        raise Http404 from error
    kept = {"guest_name": form.cleaned_data["guest_name"], "number": form.cleaned_data["number"]}
    return Answer(
        AnswerForm(initial=kept, choices=_list_choices(films)), note=_("Sent. Thank you!")
    )


def _refuse(form: AnswerForm, error: str, status: int) -> Answer:
    form.add_error(None, error)
    return Answer(form, status=status)


def _store_answer(
    share: Share, films: Sequence[SharedFilm], form: AnswerForm, form_token: str, now: datetime
) -> None:
    data = form.cleaned_data
    press_key = create_press_key(form_token, *(data[name] for name in form.fields))
    film = next((film for film in films if film.position == data["number"]), None)
    seconds = get_shared_asset(film).seconds if film else None
    second = data["second"]
    if second is not None and seconds is not None:
        second = min(second, seconds)
    services.record_answer(
        share=share,
        generation=film.generation if film else None,
        guest_name=data["guest_name"],
        text=data["text"],
        second=second,
        verdict=data["verdict"],
        press_key=press_key,
        now=now,
    )


def _list_choices(films: Sequence[SharedFilm]) -> list[tuple[Any, str]]:
    choices = [
        (film.position, build_film_title(film.generation, film.position, len(films)))
        for film in films
    ]
    return choices if len(choices) == 1 else [("", _("All films")), *choices]


def build_guest_page(
    request: HttpRequest, share: Share, token: str, answer: Answer | None = None
) -> dict[str, Any]:
    """The context of the page and of its conversation. Three queries. Raises Http404 when no film
    is left."""
    films = queries.list_shared_films([share])[share.pk]
    if not films:
        raise Http404
    answers = queries.list_comments(share)
    verdicts = find_film_verdicts(films, queries.list_decisions_of(answers))
    shown_films = present_guest_films(share, films, token, verdicts)
    numbers = {film.generation_id: film.position for film in films}
    comments = present_comments(answers, shown_films, numbers, share)
    return {
        "share": share,
        "title": build_share_title(share, films),
        "author": share.owner.get_full_name(),
        "shared_films": shown_films,
        "is_comparison": share.is_comparison and len(films) > 1,
        "comments": comments,
        "link_verdict": sum_up_verdicts(verdicts),
        "form": answer.form if answer else _build_form(films),
        "note": answer.note if answer else "",
        "form_token": create_form_token(share.token_hash),
        "answer_url": reverse("shared_answer", args=[token]),
        "page_url": build_absolute_url(request, reverse("shared", args=[token])),
        "preview_url": _build_preview_url(request, films, token),
        "description": _describe(films),
    }


def _build_form(films: Sequence[SharedFilm]) -> AnswerForm:
    return AnswerForm(initial={"number": films[0].position}, choices=_list_choices(films))


def _build_preview_url(request: HttpRequest, films: Sequence[SharedFilm], token: str) -> str:
    if not get_shared_asset(films[0]).poster:
        return ""
    return build_absolute_url(request, reverse("shared_preview", args=[token]))


def _describe(films: Sequence[SharedFilm]) -> str:
    seconds = sum(get_shared_asset(film).seconds or 0 for film in films)
    is_all_film = all(get_shared_asset(film).kind == Asset.Kind.VIDEO for film in films)
    if not is_all_film or not seconds:
        return _("Look at it, and say what you think.")
    return ngettext(
        "A film of {seconds} s. Watch it, and say what you think.",
        "{n} films, {seconds} s in all. Watch them, and say what you think.",
        len(films),
    ).format(n=len(films), seconds=round(seconds))
