"""What was changed in an admin form, in words: each field with its value before and after."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

MAX_VALUE_LENGTH = 200


def describe_form_changes(form: ModelForm[Any]) -> str:
    """ "Label: before → after." of every changed field; "" when nothing was changed.

    A password is named without a value.
    """
    parts = [
        f"{_label(form, name)}: {_before(form, name)} → {_after(form, name)}."
        for name in form.changed_data
        if name in form.fields and not _is_secret(form, name)
    ]
    secrets = [_label(form, name) for name in form.changed_data if _is_secret(form, name)]
    return " ".join([*parts, *(_("{field} changed.").format(field=name) for name in secrets)])


def _is_secret(form: ModelForm[Any], name: str) -> bool:
    field = form.fields.get(name)
    is_hidden = field is not None and isinstance(field.widget, forms.PasswordInput)
    return is_hidden or "password" in name


def _label(form: ModelForm[Any], name: str) -> str:
    field = form.fields.get(name)
    return str(capfirst(str(field.label or name))) if field else name


def _before(form: ModelForm[Any], name: str) -> str:
    field = form.fields[name]
    value = form.get_initial_for_field(field, name)
    if isinstance(field, forms.ModelMultipleChoiceField):
        return _format_value(field, value)
    if isinstance(field, forms.ModelChoiceField) and value is not None:
        # What was chosen may no longer be offered.
        row = field.queryset.model._default_manager.filter(pk=value).first()  # type: ignore[union-attr]  # a query set by now
        return _format_value(field, row)
    return _format_value(field, value)


def _after(form: ModelForm[Any], name: str) -> str:
    return _format_value(form.fields[name], form.cleaned_data.get(name))


def _format_value(field: forms.Field, value: Any) -> str:
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, QuerySet | list | tuple | set):
        return _join(_format_item(field, item) for item in value)
    text = _format_item(field, value)
    return f"{text[:MAX_VALUE_LENGTH]}…" if len(text) > MAX_VALUE_LENGTH else text


def _format_item(field: forms.Field, value: Any) -> str:
    if isinstance(value, Model):
        return str(value)
    choices = getattr(field, "choices", None)
    if choices is not None and not isinstance(field, forms.ModelChoiceField):
        labels = {str(key): str(label) for key, label in choices if not isinstance(label, list)}
        return labels.get(str(value), str(value))
    if hasattr(value, "tzinfo"):
        moment = timezone.localtime(value) if timezone.is_aware(value) else value
        return date_format(moment, "Y-m-d H:i:s")
    if hasattr(value, "normalize"):
        return number_format(f"{value.normalize():f}", force_grouping=True)
    return str(value)


def _join(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts)) or "–"
