"""Django app: users and sign-in."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "evolink_studio.accounts"
    label = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Connect the door's signals, and make the studio's search known to the database (`core`
        is no app of its own)."""
        from evolink_studio.accounts import security_log, sessions
        from evolink_studio.core.search import register_search

        user_logged_in.connect(sessions.bind_session_to_stamp, dispatch_uid="security_stamp")
        security_log.connect_signals()
        register_search()
