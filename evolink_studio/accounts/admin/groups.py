"""Groups in the admin pages."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.core.admin import StaffReadAdmin, is_owner

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffReadAdmin):  # type: ignore[misc]  # our history is text
    """A group gives its people permissions and credits, so the owner alone changes one."""

    search_fields = ("name__folded",)
    deletion_advice = gettext_lazy(
        "A group whose allowances were spent from stays, because the book of credits stands on "
        "them. Take its members out, and switch off its allowances: then nobody spends by it."
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_owner(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return is_owner(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return is_owner(request)

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        members_url = reverse("admin:accounts_user_changelist")
        allowances_url = reverse("admin:credits_allowance_changelist")
        return [
            (_("Its members"), f"{members_url}?{urlencode({'groups__id__exact': row.pk})}"),
            (_("Its allowances"), f"{allowances_url}?{urlencode({'group__id__exact': row.pk})}"),
        ]
