"""Who comes in, and how: the admin pages of people, groups, sign-in links and the security log."""

from allauth.account import admin as allauth_admin
from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from evolink_studio.accounts.admin.groups import GroupAdmin
from evolink_studio.accounts.admin.security_log import SecurityEventAdmin
from evolink_studio.accounts.admin.sign_in_links import SignInLinkAdmin
from evolink_studio.accounts.admin.users import UserAdmin

__all__ = ["GroupAdmin", "SecurityEventAdmin", "SignInLinkAdmin", "UserAdmin"]

# The admin pages use the studio's own sign-in page, with its throttle.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # the documented way
# A second list of everybody's e-mail addresses: people have theirs on their own page.
admin.site.unregister(allauth_admin.EmailAddress)
