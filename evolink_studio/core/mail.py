"""Whether this studio can send mail."""

from django.conf import settings


def has_mail_server() -> bool:
    """Whether a mail server is set; without one, mails are only printed."""
    return bool(settings.EMAIL_HOST)
