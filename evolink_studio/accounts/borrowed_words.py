"""Texts of Django and allauth that people meet here, in our own German, which is found first."""

from django.utils.translation import gettext_noop as _

WORDS = (
    _("Enter a valid value."),
    _("Password successfully changed."),
    _("Password successfully set."),
    _("Select a valid choice. %(value)s is not one of the available choices."),
    _("The email address and/or password you specified are not correct."),
    _("The password is too similar to the %(verbose_name)s."),
    _("The username and/or password you specified are not correct."),
    _("This field is required."),
    _("This password is entirely numeric."),
    _("This password is too common."),
    _("Too many failed login attempts. Try again later."),
    _("You must type the same password each time."),
    _("Your password can’t be a commonly used password."),
    _("Your password can’t be entirely numeric."),
    _("Your password can’t be too similar to your other personal information."),
)
