"""Used prompts as their page and the menu of a form show them. No queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.catalog import SPECS, get_label
from evolink_studio.generations.models import Generation
from evolink_studio.generations.prompt_history import UsedPrompt
from evolink_studio.generations.queries import STATES_WITH_RESULTS
from evolink_studio.library.poster_urls import build_poster_urls


@dataclass(frozen=True)
class PromptItem:
    """A prompt, and the newest generation with it that has a film, else the newest.

    `reuse_url` is "" when the model is offered no more; `count_text` when it was used once.
    """

    pk: int
    prompt: str
    model_label: str
    created_at: datetime
    icon: str
    poster_url: str
    count_text: str
    film_url: str
    use_url: str
    reuse_url: str


def present_used_prompts(prompts: Iterable[UsedPrompt], *, model_id: str) -> list[PromptItem]:
    """`model_id`: in whose form they are used; "": in the form of the model they were used with,
    which `home` stands for where it is offered no more."""
    return [_present(prompt, model_id) for prompt in prompts]


def _present(used: UsedPrompt, model_id: str) -> PromptItem:
    newest = used.generations[0]
    shown = next((it for it in used.generations if _find_poster_url(it)), newest)
    count = len(used.generations)
    form_id = model_id or (shown.model_id if shown.model_id in SPECS else next(iter(SPECS)))
    has_form = shown.model_id in SPECS
    return PromptItem(
        pk=shown.pk,
        prompt=used.prompt,
        model_label=_(get_label(shown.model_id)),
        created_at=newest.created_at,
        icon=shown.state,
        poster_url=_find_poster_url(shown),
        count_text=ngettext("{n} film", "{n} films", count).format(n=count) if count > 1 else "",
        film_url=reverse("film", args=[shown.pk]),
        use_url=f"{reverse('create', args=[form_id])}?prompt_of={shown.pk}",
        reuse_url=f"{reverse('create', args=[shown.model_id])}?from={shown.pk}" if has_form else "",
    )


def _find_poster_url(generation: Generation) -> str:
    if generation.state not in STATES_WITH_RESULTS:
        return ""
    results = generation.results.all()
    return next((url for it in results if (url := build_poster_urls(it.asset).small)), "")
