"""Templates as the page and the menu of a form show them. No queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse

from evolink_studio.accounts.models import User
from evolink_studio.prompts.models import PromptTemplate
from evolink_studio.prompts.prompt_templates.placeholders import find_placeholders


@dataclass(frozen=True)
class TemplateItem:
    """One template. `owner_name` is "" for one's own."""

    pk: int
    name: str
    text: str
    placeholders: Sequence[str]
    is_own: bool
    is_shared: bool
    owner_name: str
    use_url: str


def present_templates(
    user: User, templates: Iterable[PromptTemplate], *, model_id: str = ""
) -> list[TemplateItem]:
    """`model_id`: whose form they are used in; "" for that of the last film."""
    return [
        TemplateItem(
            pk=template.pk,
            name=template.name,
            text=template.text,
            placeholders=find_placeholders(template.text),
            is_own=template.owner_id == user.pk,
            is_shared=template.is_shared,
            owner_name="" if template.owner_id == user.pk else template.owner.get_username(),
            use_url=_build_use_url(template, model_id),
        )
        for template in templates
    ]


def _build_use_url(template: PromptTemplate, model_id: str) -> str:
    url = reverse("use_prompt_template", args=[template.pk])
    return f"{url}?model={model_id}" if model_id else url
