"""Django app: what a person is told when nobody looks at the page."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "evolink_studio.notifications"
    label = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from evolink_studio.generations.signals import generation_ended
        from evolink_studio.notifications.services import record_answer, record_end
        from evolink_studio.sharing.signals import share_answered

        generation_ended.connect(record_end, dispatch_uid="notifications")
        share_answered.connect(record_answer, dispatch_uid="notifications")
