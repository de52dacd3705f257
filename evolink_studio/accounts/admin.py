"""Users in the admin pages. `generations.admin.users` adds the columns about their work."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Field, QuerySet
from django.forms import ChoiceField
from django.forms import Field as FormField
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from evolink_studio.accounts.models import User
from evolink_studio.accounts.services import SIGN_IN_LINK_LIFETIME, create_sign_in_link
from evolink_studio.core.admin import StaffReadAdmin, is_owner

MAX_SIGN_IN_LINKS = 20

# The admin pages use the studio's own sign-in page, with its throttle.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # the documented way
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffReadAdmin):  # type: ignore[type-arg]  # not subscriptable
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    change_form_outer_before_template = "admin/accounts/user/sign_in_link_form.html"
    list_display: tuple[str, ...] = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_help_text = gettext_lazy("Name or email address")
    show_full_result_count = False
    actions = ("make_sign_in_link",)
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

    def _create_link_url(self, request: HttpRequest, user: User) -> str:
        token = create_sign_in_link(user=user, now=timezone.now())
        self.log_change(request, user, _("One-time sign-in link made."))
        path = reverse("welcome", args=[token])
        base_url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
        return f"{base_url}{path}"


def _refusal_text(count: int) -> str:
    if not count:
        return _("No link was made: a person who is switched off cannot sign in.")
    return _("No link was made: choose at most {n} people at once.").format(n=MAX_SIGN_IN_LINKS)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    pass
