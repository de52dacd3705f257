"""Films side by side: their players, what differs in settings and in the words of prompts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from string import ascii_uppercase

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from evolink_studio.catalog import get_label
from evolink_studio.core.formatting import format_approx_duration, format_credits, format_seconds
from evolink_studio.films.presenters.film_page import Screen, present_screen
from evolink_studio.films.presenters.film_settings import (
    build_prompt,
    build_title,
    load_settings,
    present_settings,
)
from evolink_studio.generations.models import GeneratedVideo, Generation

_WORD_PATTERN = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class PromptPart:
    """Words of a prompt, and whether another prompt lacks them."""

    text: str
    differs: bool


@dataclass(frozen=True)
class ComparedFilm:
    """One film of a comparison. `letter` names it; `without_url` compares the others."""

    id: int
    letter: str
    title: str
    url: str
    screen: Screen
    prompt: Sequence[PromptPart]
    is_starred: bool
    without_url: str


@dataclass(frozen=True)
class ComparisonRow:
    """A line of the table: a text for each film, "–" where it has none."""

    label: str
    texts: Sequence[str]
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """`is_portrait`: all are higher than wide, so two fit beside each other on a phone."""

    films: Sequence[ComparedFilm]
    rows: Sequence[ComparisonRow]
    has_different_prompts: bool
    is_portrait: bool


def build_compare_url(ids: Sequence[int]) -> str:
    """The address that compares these films."""
    return f"{reverse('compare')}?ids={','.join(map(str, ids))}"


def present_comparison(films: Sequence[tuple[Generation, GeneratedVideo]]) -> Comparison:
    """Two to four films with the result that is shown. One query for each film."""
    prompts = mark_differences([build_prompt(generation) for generation, _result in films])
    ids = [generation.pk for generation, _result in films]
    compared = [
        ComparedFilm(
            id=generation.pk,
            letter=letter,
            title=build_title(generation),
            url=reverse("film", args=[generation.pk]),
            screen=present_screen(result),
            prompt=prompt,
            is_starred=generation.starred_at is not None,
            without_url=build_compare_url([pk for pk in ids if pk != generation.pk])
            if len(ids) > 2
            else "",
        )
        for (generation, result), letter, prompt in zip(
            films, ascii_uppercase, prompts, strict=False
        )
    ]
    return Comparison(
        films=compared,
        rows=_build_rows(films),
        has_different_prompts=any(part.differs for prompt in prompts for part in prompt),
        is_portrait=all(
            (result.asset.height or 0) > (result.asset.width or 0) for _generation, result in films
        ),
    )


def mark_differences(prompts: Sequence[str]) -> list[list[PromptPart]]:
    """The words of each prompt: of the first those that another one lacks, of the others those that
    the first lacks."""
    words = [_WORD_PATTERN.findall(prompt) for prompt in prompts]
    first = words[0] if words else []
    common_in_first = [True] * len(first)
    marked = []
    for other in words[1:]:
        common = [False] * len(other)
        found_in_first = [False] * len(first)
        matcher = SequenceMatcher(None, _fold(first), _fold(other))
        for start, other_start, length in matcher.get_matching_blocks():
            for offset in range(length):
                found_in_first[start + offset] = common[other_start + offset] = True
        common_in_first = [a and b for a, b in zip(common_in_first, found_in_first, strict=True)]
        marked.append(_join_parts(other, common))
    return [_join_parts(first, common_in_first), *marked]


def _fold(words: Sequence[str]) -> list[str]:
    return [word.strip() for word in words]


def _join_parts(words: Sequence[str], common: Sequence[bool]) -> list[PromptPart]:
    """Neighbouring words of one kind as one part."""
    parts: list[PromptPart] = []
    for word, is_common in zip(words, common, strict=True):
        if parts and parts[-1].differs is not is_common:
            parts[-1] = PromptPart(parts[-1].text + word, not is_common)
        else:
            parts.append(PromptPart(word, not is_common))
    return parts


def _build_rows(films: Sequence[tuple[Generation, GeneratedVideo]]) -> list[ComparisonRow]:
    """The model, every setting that one of them has, then what came of it and what it cost."""
    rows = [_build_row(_("Model"), [_(get_label(it.model_id)) for it, _result in films])]
    labels: dict[str, str] = {}
    texts: list[Mapping[str, str]] = []
    for generation, _result in films:
        settings = present_settings(generation, load_settings(generation).values)
        labels |= {setting.name: setting.label for setting in settings}
        texts.append({setting.name: setting.text for setting in settings})
    rows += [
        _build_row(label, [film_texts.get(name, "") for film_texts in texts])
        for name, label in labels.items()
    ]
    rows += [
        _build_row(label, [describe(*film) for film in films])
        for label, describe in _list_result_rows()
    ]
    # It nearly always differs, and says nothing of how they were made.
    dates = [
        date_format(localtime(it.created_at), "SHORT_DATETIME_FORMAT") for it, _result in films
    ]
    return [*rows, ComparisonRow(_("Made on"), dates, differs=False)]


def _list_result_rows() -> list[tuple[str, Callable[[Generation, GeneratedVideo], str]]]:
    return [
        (_("Size"), lambda _it, result: f"{result.asset.width} × {result.asset.height}"),
        (_("Length"), lambda _it, result: format_seconds(result.asset.seconds or 0)),
        (_("Credits"), lambda it, _result: format_credits(it.credits_charged)),
        (_("Credits per second"), _describe_price),
        (_("Time to make it"), _describe_time),
    ]


def _describe_price(generation: Generation, result: GeneratedVideo) -> str:
    if not generation.credits_charged or not result.asset.seconds:
        return ""
    return format_credits(round(generation.credits_charged / result.asset.seconds, 2))


def _describe_time(generation: Generation, _result: GeneratedVideo) -> str:
    if not generation.finished_at:
        return ""
    passed = generation.finished_at - (generation.accepted_at or generation.created_at)
    return format_approx_duration(max(0, round(passed.total_seconds())))


def _build_row(label: str, texts: Sequence[str]) -> ComparisonRow:
    return ComparisonRow(label, [text or "–" for text in texts], len(set(texts)) > 1)
