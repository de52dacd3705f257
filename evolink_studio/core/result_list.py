"""The rows of an admin list, light: the theme repeats its classes in every cell, 9 KB a row.

Ours name a cell once (`field-…`), and `admin-studio.css` says how it looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.db.models import Model
from django.template import Library
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import result_headers

from evolink_studio.core.changelist import KeysetChangeList

register = Library()


@register.inclusion_tag("admin/_result_list.html")
def studio_result_list(change_list: KeysetChangeList) -> dict[str, Any]:
    """The table of a list's page: its headings, and for each row its cells."""
    headers = list(result_headers(change_list))
    return {
        "cl": change_list,
        "result_headers": headers,
        "rows": [list(_build_cells(change_list, row, headers)) for row in change_list.result_list],
    }


def _build_cells(
    change_list: KeysetChangeList, row: Model, headers: Sequence[Mapping[str, Any]]
) -> Iterator[SafeString]:
    links = change_list.list_display_links
    for name, header in zip(change_list.list_display, headers, strict=True):
        if name == "action_checkbox":
            yield format_html(
                '<td class="action-checkbox"><input type="checkbox" class="action-select" '
                'name="_selected_action" value="{1}" aria-label="{0}"></td>',
                _("Select record"),
                row.pk,
            )
            continue
        tag, content = "td", _render_value(change_list, row, name)
        if name in (links or ()):
            tag, content = (
                "th",
                format_html('<a href="{}">{}</a>', _get_url(change_list, row), content),
            )
        yield format_html(
            '<{0} class="field-{1}" data-label="{2}">{3}</{0}>',
            tag,
            name,
            capfirst(header["text"]),
            content,
        )


def _get_url(change_list: KeysetChangeList, row: Model) -> str:
    url: str = change_list.url_for_result(row)
    filters: str = change_list.preserved_filters
    return f"{url}?{filters}" if filters else url


def _render_value(change_list: KeysetChangeList, row: Model, name: str) -> Any:
    empty = change_list.model_admin.get_empty_value_display()
    field, attribute, value = lookup_field(name, row, change_list.model_admin)
    colours = getattr(attribute, "label", None)
    if colours is not None:
        colour, text = colours[value[0]], value[1]
        return format_html('<span class="studio-label is-{}">{}</span>', colour, text)
    if isinstance(value, bool):
        colour, text = ("success", _("yes")) if value else ("default", _("no"))
        return format_html('<span class="studio-label is-{}">{}</span>', colour, text)
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
    if field is None:
        return display_for_value(value, empty)
    if field.is_relation:
        related = getattr(row, field.name)
        return empty if related is None else related
    return display_for_field(value, field, empty)
