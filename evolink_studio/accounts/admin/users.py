"""People in the admin pages. `generations.admin.users` adds the columns about their work."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Field, Model, QuerySet
from django.forms import ChoiceField
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.forms import UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from evolink_studio.accounts.forms import LAST_OWNER_TEXT, PersonForm, PersonPasswordForm
from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.accounts.services import (
    SIGN_IN_LINK_LIFETIME,
    LastOwnerError,
    create_sign_in_link,
    end_sessions,
    lock_people,
    require_other_owner,
)
from evolink_studio.core.admin import GrowingListAdmin, is_owner
from evolink_studio.core.deletion import DeletionObstacle

MAX_SIGN_IN_LINKS = 20
# Who somebody is to the studio: for the owner alone to say.
ROLE_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, GrowingListAdmin):  # type: ignore[type-arg, misc]  # not subscriptable; unfold has no types
    """Django's permissions let staff change people who make films, and nobody else.

    Whoever may do more than that, and what anybody may do, is for the owner alone to change.
    """

    form = PersonForm
    add_form = UserCreationForm
    change_password_form = PersonPasswordForm
    change_form_outer_before_template = "admin/accounts/user/sign_in_link_form.html"
    list_display: tuple[str, ...] = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_help_text = gettext_lazy("Name or email address")
    actions = ("make_sign_in_link", "end_sessions")
    deletion_advice = gettext_lazy(
        "A person with films or lines in the book stays, because both are kept for good. Take away "
        "“Active” on their page instead: they cannot sign in any more, and spend nothing; their "
        "films and what they cost stay where they are."
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Name"), {"fields": ("first_name", "last_name", "email")}),
        (
            gettext_lazy("What this person may do"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups")},
        ),
        (gettext_lazy("The pages"), {"fields": ("language", "theme")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        if db_field.name != "language":
            field: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
            return field
        choices = [("", _("As the browser asks")), *settings.LANGUAGES]
        return ChoiceField(
            label=_("Language"), choices=choices, required=False, widget=UnfoldAdminSelectWidget
        )

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        may_change: bool = super().has_change_permission(request, obj)
        return may_change and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        may_delete: bool = super().has_delete_permission(request, obj)
        return may_delete and _may_touch(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if is_owner(request) else (*fields, *ROLE_FIELDS)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        # Nothing of a password, not even its hash, to who may not change it.
        return [
            (title, {**options, "fields": [n for n in options["fields"] if n != "password"]})
            for title, options in fieldsets
        ]

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        to_delete, model_count, perms_needed, protected = super().get_deleted_objects(objs, request)
        perms_needed.discard(SignInLink._meta.verbose_name)  # they go with their person
        return to_delete, model_count, perms_needed, protected

    def find_obstacles(self, row: Model, selected: Sequence[Model]) -> list[DeletionObstacle]:
        obstacles = super().find_obstacles(row, selected)
        assert isinstance(row, User)
        if not row.is_active_owner:
            return obstacles
        try:
            require_other_owner(User.objects.filter(pk__in=[person.pk for person in selected]))
        except LastOwnerError:
            text = _("No owner who can sign in would be left. Keep one of them.")
            text = str(LAST_OWNER_TEXT) if _is_last_owner(row) else text
            return [DeletionObstacle(text), *obstacles]
        return obstacles

    def get_deletion_advice(self, row: Model) -> str:
        return "" if _is_last_owner(row) else super().get_deletion_advice(row)

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        if _is_last_owner(row):
            return []
        url = reverse("admin:accounts_user_change", args=[row.pk])
        return [(_("Switch {person} off").format(person=row), url)]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        _lock_people(request, [obj] if change else [])
        super().save_model(request, obj, form, change)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with transaction.atomic():
            _lock_people(request, [])
            return super().user_change_password(request, id, form_url)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An action is done as a whole or not at all."""
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        with transaction.atomic():
            return super().changelist_view(request, extra_context)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The first step of a deletion, in its transaction."""
        _lock_people(request, queryset)
        return super().log_deletions(request, queryset)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self.delete_queryset(request, User.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():
            try:
                require_other_owner(queryset)
            except LastOwnerError:
                # The page before said so already: somebody took the other owner away meanwhile.
                raise PermissionDenied(LAST_OWNER_TEXT) from None
            super().delete_queryset(request, queryset)

    def has_invite_permission(self, request: HttpRequest) -> bool:
        """A link signs in as that person, so only the owner may make one."""
        return is_owner(request)

    @admin.action(description=gettext_lazy("Make a one-time sign-in link"), permissions=["invite"])
    def make_sign_in_link(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> TemplateResponse | None:
        """Show each link once, in the response itself: only its hash is stored."""
        users = list(queryset.filter(is_active=True).order_by("username")[: MAX_SIGN_IN_LINKS + 1])
        if not users or len(users) > MAX_SIGN_IN_LINKS:
            self.message_user(request, _refusal_text(len(users)), messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("One-time sign-in links"),
            "links": [(user, self._create_link_url(request, user)) for user in users],
            "hours": int(SIGN_IN_LINK_LIFETIME.total_seconds() // 3600),
        }
        response = TemplateResponse(request, "admin/accounts/user/sign_in_links.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=gettext_lazy("Sign out everywhere"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End all sessions and open links of those whom one may change."""
        users = [user for user in queryset if self.has_change_permission(request, user)]
        for user in users:
            end_sessions(user=user)
            self.log_change(request, user, _("Signed out everywhere."))
        text = ngettext(
            "{n} person was signed out everywhere.",
            "{n} people were signed out everywhere.",
            len(users),
        ).format(n=len(users))
        if skipped_count := queryset.count() - len(users):
            text += " " + ngettext(
                "{n} was left alone: only the owner may do that.",
                "{n} were left alone: only the owner may do that.",
                skipped_count,
            ).format(n=skipped_count)
        self.message_user(request, text, messages.SUCCESS if users else messages.WARNING)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        person: User | None = context.get("original")
        if person is not None:
            open_links = person.sign_in_links.open(timezone.now()).select_related("created_by")
            context |= {"open_links": open_links, "may_see_log": is_owner(request)}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def _create_link_url(self, request: HttpRequest, user: User) -> str:
        token = create_sign_in_link(user=user, now=timezone.now(), created_by=_get_actor(request))
        self.log_change(request, user, _("One-time sign-in link made."))
        path = reverse("welcome", args=[token])
        base_url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
        return f"{base_url}{path}"


def _refusal_text(count: int) -> str:
    if not count:
        return _("No link was made: a person who is switched off cannot sign in.")
    return _("No link was made: choose at most {n} people at once.").format(n=MAX_SIGN_IN_LINKS)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Whether a person may be changed at all by who asks, permissions aside."""
    return is_owner(request) or user is None or not user.is_privileged


def _is_last_owner(row: Model) -> bool:
    """Whether somebody else must become an owner before this one may be switched off."""
    owner_ids = User.objects.active_owners().values_list("pk", flat=True)
    return list(owner_ids[:2]) == [row.pk]


def _lock_people(request: HttpRequest, users: Iterable[User]) -> None:
    """Refuse what an actor may no longer do who was switched off, demoted or deleted meanwhile."""
    if not lock_people(actor=_get_actor(request), users=users):
        raise PermissionDenied


def _get_actor(request: HttpRequest) -> User:
    """The signed-in user; call it only after a permission was checked."""
    assert isinstance(request.user, User)
    return request.user
