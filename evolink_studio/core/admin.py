"""Base classes for the admin pages: staff may view, only the owner (superuser) may change."""

from collections.abc import Callable, Mapping
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


class StaffReadAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
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
