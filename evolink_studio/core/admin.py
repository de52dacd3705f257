"""Base classes for the admin pages: staff may view, only the owner (superuser) may change."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Model, ProtectedError, Q, QuerySet
from django.forms import BaseForm, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from evolink_studio.core.change_history import describe_form_changes
from evolink_studio.core.changelist import KeysetChangeList
from evolink_studio.core.deletion import DeletionObstacle, find_deletion_obstacles

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Column = TypeVar("Column", bound=Callable[..., Any])


def is_staff(request: HttpRequest) -> bool:
    """Whether this person may view the admin pages."""
    user = request.user
    return user.is_active and user.is_authenticated and user.is_staff


def is_owner(request: HttpRequest) -> bool:
    """Whether this person may change data in the admin pages."""
    return is_staff(request) and request.user.is_superuser


def badge_column(
    description: "StrOrPromise", colours: Mapping[str, str], ordering: str | None = None
) -> Callable[[Column], Column]:
    """A list column shown as a coloured label: it returns (value, text), coloured by value."""

    def decorate(column: Column) -> Column:
        badge = admin.display(description=description, ordering=ordering)(column)
        badge.label = colours  # type: ignore[attr-defined]  # unfold looks for it on the function
        return badge

    return decorate


_NO_FILTERS = frozenset({*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG})

# What may follow the name of a declared filter: how Django's and unfold's filters compare.
_COMPARISON_PATTERN = re.compile(
    r"(__(id|pk))?(__(exact|in|isnull|gt|gte|lt|lte|date|year|month|day|hour))*"
    r"|_(from|to)(_[01])?"
)


class DeclaredFiltersAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A list is filtered by its declared filters alone.

    Django lets anybody who sees a list filter it by any column of its table, so that staff could
    guess a secret that no page shows, letter by letter (`callback_token__startswith`).
    `linked_filters` names further fields that links on our own pages filter by.
    """

    linked_filters: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether the query string may have the parameter `lookup`."""
        if "__" not in lookup and not self._is_column(lookup):
            return True  # of a filter with a name of its own, or ignored
        return any(
            lookup.startswith(name) and _COMPARISON_PATTERN.fullmatch(lookup.removeprefix(name))
            for name in self._list_filter_names(request)
        )

    def _is_column(self, name: str) -> bool:
        fields = self.opts.get_fields(include_hidden=True)
        return name == "pk" or name in {
            alias for field in fields for alias in (field.name, getattr(field, "attname", ""))
        }

    def _list_filter_names(self, request: HttpRequest | None) -> Iterator[str]:
        yield from self.linked_filters
        if self.date_hierarchy:
            yield self.date_hierarchy
        for item in self.get_list_filter(request):
            name = item[0] if isinstance(item, list | tuple) else item
            yield name if isinstance(name, str) else str(name.parameter_name)


@dataclass(frozen=True)
class ProtectedRow:
    """A row that cannot be deleted, why not, and what works instead, with its addresses."""

    name: str
    obstacles: list[DeletionObstacle]
    links: list[tuple[str, str]]
    advice: str


class ExplainingAdmin(DeclaredFiltersAdmin):
    """Its history says what each field was before; what cannot be deleted says the true reason."""

    max_explained_rows = 20
    deletion_advice: "StrOrPromise" = gettext_lazy("It stays, with all that stands on it.")

    def construct_change_message(
        self, request: HttpRequest, form: BaseForm, formsets: Any, add: bool = False
    ) -> Any:
        """“Credits: 10 → 20.” instead of the names of the fields alone."""
        text = "" if add or not isinstance(form, ModelForm) else describe_form_changes(form)
        return text or super().construct_change_message(request, form, formsets, add)

    def find_obstacles(self, row: Model, selected: Sequence[Model]) -> list[DeletionObstacle]:
        """What keeps `row` from being deleted together with all the `selected`; [] if nothing."""
        return find_deletion_obstacles(row)

    def get_deletion_advice(self, row: Model) -> str:
        """What to do instead of deleting it."""
        return str(self.deletion_advice)

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        """(text, URL) of what works instead of deleting it."""
        return []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None or not self.has_delete_permission(request, row):
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
            return response
        protected_rows = self._explain([row])
        if protected_rows:
            return self._render_protected(request, protected_rows)
        try:
            response = super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # something came to stand on it in this moment
            return self._render_protected(request, self._explain([row]))
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if "delete_selected" in actions:
            _function, name, description = actions["delete_selected"]
            actions["delete_selected"] = (_delete_or_explain, name, description)
        return actions

    def explain_selected(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """A page about those of the selected rows that cannot be deleted; None if all can."""
        protected_rows = self._explain(list(queryset))
        return self._render_protected(request, protected_rows) if protected_rows else None

    def _explain(self, rows: Sequence[Model]) -> list[ProtectedRow]:
        """The first of these rows that cannot be deleted, whatever stands before them."""
        protected_rows = (
            ProtectedRow(
                str(row), obstacles, self.get_deletion_links(row), self.get_deletion_advice(row)
            )
            for row in rows
            if (obstacles := self.find_obstacles(row, rows))
        )
        return list(islice(protected_rows, self.max_explained_rows))

    def _render_protected(
        self, request: HttpRequest, protected_rows: list[ProtectedRow]
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("This cannot be deleted"),
            "rows": protected_rows,
            "advice": list(dict.fromkeys(row.advice for row in protected_rows)),
            "kind": capfirst(self.opts.verbose_name_plural),
        }
        return TemplateResponse(request, "admin/cannot_delete.html", context)


def _delete_or_explain(
    model_admin: ExplainingAdmin, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Delete what is selected, or say what keeps some of it from being deleted."""
    if not model_admin.has_delete_permission(request):
        raise PermissionDenied
    try:
        return model_admin.explain_selected(request, queryset) or delete_selected(
            model_admin, request, queryset
        )
    except ProtectedError:  # something came to stand on it in this moment
        return model_admin.explain_selected(request, queryset)


class StaffReadAdmin(ExplainingAdmin):
    """Staff may view without a Django permission; changes need Django's usual permissions."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)


class GrowingListAdmin(StaffReadAdmin):
    """The list grows with the studio, and costs the same however long it is.

    It is sorted by the columns of `sortable_by`, each of which has an index. `merged_filters` are
    filters that allow several values: the column by the name in the query string.
    """

    empty_value_display = "–"
    merged_filters: Mapping[str, str] = {}
    # As `merged_filters`, of those that may leave few rows of many, and have an index.
    narrow_filters: Mapping[str, str] = {}
    search_order: tuple[str, ...] = ()  # of what a search finds, if not the list's own
    # Columns that are sorted only while no filter is chosen, or one of `filtered_sorting`.
    sorted_alone: tuple[str, ...] = ()
    filtered_sorting: frozenset[str] = frozenset()
    list_per_page = 40
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would be counted

    def get_sortable_by(self, request: HttpRequest) -> Sequence[str]:
        """Each order needs an index for each filter, so a second filter leaves the list's own."""
        columns = tuple(super().get_sortable_by(request))
        filters = [name for name in request.GET if name not in _NO_FILTERS]
        is_free = not filters or (len(filters) == 1 and filters[0] in self.filtered_sorting)
        return columns if is_free else tuple(n for n in columns if n not in self.sorted_alone)

    def build_search_branches(self, text: str) -> list[Q] | None:
        """Conditions of what a search finds, each served by an index; None: as Django searches.

        A row may fit several. May raise IncorrectLookupParameters.
        """
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        branches = self.build_search_branches(search_term) if search_term.strip() else None
        if branches is None:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
        return queryset.filter(reduce(or_, branches, Q(pk__in=[]))), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList


class ReadOnlyAdmin(GrowingListAdmin):
    """A record of events: nobody, not even the owner, may add, change or delete rows."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def strip_number_sign(term: str) -> str:
    """“#246” as “246”: how pages name a generation is how it is searched."""
    stripped = term.strip()
    return stripped[1:] if stripped[:1] == "#" and stripped[1:].isdecimal() else term
