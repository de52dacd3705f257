"""All writes to templates of prompts. Nothing here starts a generation."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.prompts.exceptions import InputRejected
from evolink_studio.prompts.models import PromptTemplate
from evolink_studio.prompts.prompt_templates.placeholders import MAX_PLACEHOLDERS, find_placeholders
from evolink_studio.prompts.undo import open_row, seal_row

MAX_TEMPLATES = 200  # of one person: a page shows all of them
MAX_NAME_LENGTH = 80
MAX_TEXT_LENGTH = 10_000
_RESTORED_FIELDS = ("id", "name", "text", "is_shared")


class TemplateRejected(InputRejected):
    """Why a template is not kept."""


def create_template(
    *, owner: User, name: str, text: str, is_shared: bool = False, now: datetime
) -> PromptTemplate:
    """Raises TemplateRejected for a name that is taken, an empty text, or too many of anything."""
    _check_count(owner)
    template = PromptTemplate(owner=owner, created_at=now)
    _set_values(template, name=name, text=text, is_shared=is_shared)
    _save(template)
    return template


def update_template(*, template: PromptTemplate, name: str, text: str, is_shared: bool) -> None:
    """Raises TemplateRejected as `create_template`."""
    _set_values(template, name=name, text=text, is_shared=is_shared)
    _save(template)


def delete_template(*, template: PromptTemplate) -> str:
    """Delete it; films made with it stay. Returns it sealed, for `restore_template`."""
    PromptTemplate.objects.filter(pk=template.pk).delete()
    return seal_row(template, _RESTORED_FIELDS)


def restore_template(*, owner: User, sealed: str) -> PromptTemplate:
    """The deleted template again, as it was and under the same address. Raises TemplateRejected."""
    template = open_row(PromptTemplate, sealed, owner=owner)
    if template is None:
        raise TemplateRejected("name", _("This can no longer be taken back."))
    _check_count(owner)
    _save(template, force_insert=True)
    return template


def _check_count(owner: User) -> None:
    if PromptTemplate.objects.filter(owner=owner).count() >= MAX_TEMPLATES:
        raise TemplateRejected(
            "name", _("You have {limit} templates. Delete one of them first."), limit=MAX_TEMPLATES
        )


def _set_values(template: PromptTemplate, *, name: str, text: str, is_shared: bool) -> None:
    name = " ".join(name.replace("\0", "").split())
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not name:
        raise TemplateRejected("name", _("Give it a name."))
    if len(name) > MAX_NAME_LENGTH:
        raise TemplateRejected(
            "name", _("A name has at most {limit} characters."), limit=MAX_NAME_LENGTH
        )
    if not text:
        raise TemplateRejected("text", _("Write the prompt."))
    if len(text) > MAX_TEXT_LENGTH:
        raise TemplateRejected(
            "text", _("A template has at most {limit} characters."), limit=MAX_TEXT_LENGTH
        )
    if len(find_placeholders(text)) > MAX_PLACEHOLDERS:
        raise TemplateRejected(
            "text", _("A template has at most {limit} placeholders."), limit=MAX_PLACEHOLDERS
        )
    template.name, template.text, template.is_shared = name, text, is_shared


def _save(template: PromptTemplate, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            template.save(force_insert=force_insert)
    except IntegrityError as error:
        raise TemplateRejected(
            "name",
            _("You have a template “{name}” already. Choose another name."),
            name=template.name,
        ) from error
