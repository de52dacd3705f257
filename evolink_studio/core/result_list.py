"""The rows and the filters of an admin list, light.

The theme repeats its classes in every cell, 9 KB a row. Ours name a cell once (`field-…`), and
`admin-studio.css` says how it looks. The choices of a filter look as in the theme, which takes four
templates for each of them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import display_for_field, display_for_value, lookup_field
from django.db.models import Model
from django.forms import BoundField, CheckboxSelectMultiple, RadioSelect
from django.forms.utils import flatatt
from django.template import Library
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import result_headers

from evolink_studio.core.changelist import KeysetChangeList

register = Library()


@register.inclusion_tag("admin/_result_list.html")
def studio_result_list(change_list: KeysetChangeList) -> dict[str, Any]:
    """The table of a list's page: its headings, and for each row its cells."""
    headers = list(result_headers(change_list))
    columns = [
        _open_column(change_list, name, capfirst(header["text"]))
        for name, header in zip(change_list.list_display, headers, strict=True)
    ]
    return {
        "cl": change_list,
        "result_headers": headers,
        "rows": [[build(row) for build in columns] for row in change_list.result_list],
    }


def _open_column(
    change_list: KeysetChangeList, name: str, heading: str
) -> Callable[[Model], SafeString]:
    """What builds the cells of a column. All that its cells share is made only once."""
    if name == "action_checkbox":
        return _open_checkbox_column()
    render_value = _find_renderer(change_list, name)
    if name not in (change_list.list_display_links or ()):
        begin = format_html('<td class="field-{}" data-label="{}">', name, heading)
        return lambda row: mark_safe(f"{begin}{conditional_escape(render_value(row))}</td>")  # noqa: S308  # escaped
    begin = format_html('<th class="field-{}" data-label="{}"><a href="', name, heading)

    def build_link(row: Model) -> SafeString:
        url, content = _get_url(change_list, row), render_value(row)
        return mark_safe(  # noqa: S308  # each part is escaped
            f'{begin}{conditional_escape(url)}">{conditional_escape(content)}</a></th>'
        )

    return build_link


def _open_checkbox_column() -> Callable[[Model], SafeString]:
    begin = format_html(
        '<td class="action-checkbox"><input type="checkbox" class="action-select" '
        'name="_selected_action" aria-label="{}" value="',
        _("Select record"),
    )
    return lambda row: mark_safe(f'{begin}{conditional_escape(row.pk)}"></td>')  # noqa: S308  # escaped


def _get_url(change_list: KeysetChangeList, row: Model) -> str:
    url: str = change_list.url_for_result(row)
    filters: str = change_list.preserved_filters
    return f"{url}?{filters}" if filters else url


def _find_renderer(change_list: KeysetChangeList, name: str) -> Callable[[Model], Any]:
    """The text of a column in a row: of a method of the list's admin class, or of a field."""
    model_admin = change_list.model_admin
    empty = model_admin.get_empty_value_display()
    method = getattr(model_admin, name, None)
    if callable(method):
        colours = getattr(method, "label", None)
        if colours is not None:
            return lambda row: _render_label(*_name_colour(colours, method(row)))
        return lambda row: _render_plain(method(row), empty)
    return lambda row: _render_field(change_list, row, name, empty)


def _render_field(change_list: KeysetChangeList, row: Model, name: str, empty: str) -> Any:
    field, _attribute, value = lookup_field(name, row, change_list.model_admin)
    if field is None or isinstance(value, bool | datetime):
        return _render_plain(value, empty)
    if field.is_relation:
        related = getattr(row, field.name)
        return empty if related is None else related
    return display_for_field(value, field, empty)


def _render_plain(value: Any, empty: str) -> Any:
    if isinstance(value, bool):
        return _render_label(*(("success", _("yes")) if value else ("default", _("no"))))
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
    return display_for_value(value, empty)


def _name_colour(colours: Mapping[str, str], value: tuple[str, str]) -> tuple[str, str]:
    return colours[value[0]], value[1]


def _render_label(colour: str, text: str) -> SafeString:
    return format_html('<span class="studio-label is-{}">{}</span>', colour, text)


@register.filter
def is_choice_list(field: BoundField) -> bool:
    """Whether `studio_choice_list` can show this field of a filter."""
    return isinstance(field.field.widget, CheckboxSelectMultiple | RadioSelect)


@register.simple_tag
def studio_choice_list(field: BoundField) -> SafeString:
    """The choices of a filter, each with a box or a button before it."""
    widget = field.field.widget
    chosen = set(widget.format_value(field.value()))
    attributes = flatatt({"type": widget.input_type, "name": field.html_name, **widget.attrs})
    options = (
        (attributes, value, mark_safe(" checked" if str(value) in chosen else ""), label)  # noqa: S308  # ours
        for value, label in widget.choices
    )
    return format_html(
        '<div class="flex flex-col gap-2 mb-4" id="{}" role="group" aria-label="{}">'
        '<p class="block font-semibold text-important">{}</p>{}</div>',
        field.auto_id,
        field.label,
        field.label,
        format_html_join("\n", _CHOICE_HTML, options),
    )


_CHOICE_HTML = (
    '<label class="flex flex-row items-center gap-2"><input{} value="{}"{}>'
    '<span class="truncate">{}</span></label>'
)
