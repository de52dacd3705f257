"""Reads for the page of notifications."""

from evolink_studio.accounts.models import User
from evolink_studio.notifications.models import NotificationSettings


def get_settings(user: User) -> NotificationSettings:
    """How this person wants to be told; nothing at all, unsaved, until they say so. One query."""
    row = NotificationSettings.objects.filter(pk=user.pk).first()
    return row or NotificationSettings(owner=user)
