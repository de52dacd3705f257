"""The prompts of a person's generations, newest first, found by pieces of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.catalog import CUT_MODEL_ID
from evolink_studio.core.keyset import KeysetOrder, Position
from evolink_studio.core.search import fold_text
from evolink_studio.core.term_search import split_terms
from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import load_results
from evolink_studio.generations.search_index import FILM_INDEX

PAGE_ROWS = 40  # generations that are read for a page; the same prompt is shown once
RECENT_ROWS = 30  # read for a short list
_COLUMNS = ("prompt", "model_id", "state", "created_at")
NEWEST_FIRST = KeysetOrder(Generation, ("-created_at", "-pk"))


@dataclass(frozen=True)
class UsedPrompt:
    """A prompt and the generations of a page that were made with it, newest first."""

    prompt: str
    generations: list[Generation]


@dataclass(frozen=True)
class PromptPage:
    """Prompts, newest first. `next_position` is that of the next page; "" on the last one."""

    prompts: list[UsedPrompt]
    next_position: str


def list_used_prompts(user: User, *, text: str = "", position: str = "") -> PromptPage:
    """The prompts with these pieces at a position; an unknown one is the first page.

    The same prompt stands once on a page. At most five queries.
    """
    rows = _filter_by_text(_list_own(user), text)
    page = NEWEST_FIRST.read_page([rows], NEWEST_FIRST.parse_position(position), PAGE_ROWS)
    if not page.keys:
        return PromptPage([], "")
    generations = Generation.objects.filter(pk__in=page.pks).only(*_COLUMNS)
    loaded = load_results(generations.order_by("-created_at", "-pk"))
    next_position = Position(page.keys[-1]) if page.has_next else None
    return PromptPage(
        _fold(loaded), NEWEST_FIRST.format_position(next_position) if next_position else ""
    )


def list_recent_prompts(user: User, limit: int) -> list[UsedPrompt]:
    """The newest prompts, each once. Two queries."""
    rows = _list_own(user).order_by("-created_at", "-pk").only(*_COLUMNS)
    return _fold(load_results(rows[:RECENT_ROWS]))[:limit]


def _list_own(user: User) -> QuerySet[Generation]:
    rows = Generation.objects.filter(owner_id=user.pk, trashed_at=None)
    return rows.exclude(Q(prompt="") | Q(model_id=CUT_MODEL_ID))


def _filter_by_text(rows: QuerySet[Generation], text: str) -> QuerySet[Generation]:
    """Those with each of these words in the prompt; none for a search that nothing can fit."""
    try:
        pieces = [piece for term in split_terms(text) if (piece := fold_text(term))]
    except IncorrectLookupParameters:
        return rows.none()
    if not pieces:
        return rows
    # The index holds titles and notes, too.
    in_prompt = Q(*(Q(search_text__holds=piece) for piece in pieces))
    return rows.filter(FILM_INDEX.build_filter(pieces), in_prompt)


def _fold(generations: Iterable[Generation]) -> list[UsedPrompt]:
    by_prompt: dict[str, list[Generation]] = {}
    for generation in generations:
        by_prompt.setdefault(generation.prompt.strip(), []).append(generation)
    return [UsedPrompt(prompt, made) for prompt, made in by_prompt.items() if prompt]
