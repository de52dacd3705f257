"""Reads of templates of prompts. One query each, where nothing else is said."""

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.prompts.models import PromptTemplate

MAX_SHARED_TEMPLATES = 200  # shown of other people


def list_templates(user: User) -> list[PromptTemplate]:
    """A person's own by name, then what others share. Two queries: each has an index."""
    shared = PromptTemplate.objects.filter(is_shared=True).exclude(owner_id=user.pk)
    shared = shared.select_related("owner").order_by("name", "pk")[:MAX_SHARED_TEMPLATES]
    own = PromptTemplate.objects.filter(owner_id=user.pk).select_related("owner")
    return [*own.order_by("name", "pk"), *shared]


def get_own_template_or_404(user: User, pk: int) -> PromptTemplate:
    """A template of this person, who may change it. Raises Http404 otherwise."""
    template = PromptTemplate.objects.filter(owner_id=user.pk, pk=pk).first()
    if template is None:
        raise Http404
    return template


def find_usable_template(user: User, pk: int) -> PromptTemplate | None:
    """A template that this person may use: their own or a shared one. None if there is none."""
    template = PromptTemplate.objects.filter(pk=pk).select_related("owner").first()
    is_usable = template is not None and (template.is_shared or template.owner_id == user.pk)
    return template if is_usable else None


def get_usable_template_or_404(user: User, pk: int) -> PromptTemplate:
    """As `find_usable_template`. Raises Http404 if there is none."""
    template = find_usable_template(user, pk)
    if template is None:
        raise Http404
    return template
