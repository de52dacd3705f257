"""Texts of libraries that the studio translates itself, listed here for `makemessages`."""

from django.utils.translation import gettext_noop as _

DJANGO_MESSAGES = (
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

UNFOLD_MESSAGES = (
    _("After you've created a user, you’ll be able to edit more user options."),
    _("Apply Filters"),
    _("Dark"),
    _("False"),
    _("Filters"),
    _("Go back"),
    _("Light"),
    _("No results found"),
    _(
        "Raw passwords are not stored, so there is no way to see this "
        "user’s password, but you can change the password using "
        '<a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
    ),
    _("Reset filters"),
    _("Run"),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("Select value"),
    _("System"),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
    _("You have been successfully logged out from the administration"),
)
