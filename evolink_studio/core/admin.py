"""Base classes for the admin pages: staff may view, only the owner (superuser) may change."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

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


class StaffReadAdmin(DeclaredFiltersAdmin):
    """Staff may view without a Django permission; changes need Django's usual permissions."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)


class ReadOnlyAdmin(StaffReadAdmin):
    """A record of events: nobody, not even the owner, may add, change or delete rows."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
