"""How a person wants to be told."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import User
from evolink_studio.core.mail import has_mail_server


class NotificationForm(forms.Form):
    """The settings of `notifications.services.set_notifications`, by the same names."""

    in_browser = forms.BooleanField(
        label=_("Notification of this browser"),
        help_text=_("While the page is open in the background. Each browser asks you once."),
        required=False,
    )
    with_sound = forms.BooleanField(
        label=_("Sound"), help_text=_("While the page is open."), required=False
    )
    by_mail = forms.BooleanField(
        label=_("E-mail"),
        help_text=_("One for all that ended within some minutes."),
        required=False,
    )
    webhook_url = forms.URLField(
        label=_("Webhook"),
        help_text=_("Gets a signed JSON POST for every film that is ready or failed."),
        max_length=500,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://…", "autocomplete": "off"}),
    )
    quiet_from = forms.TimeField(
        label=_("Quiet from"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        help_text=_("Meanwhile mails and webhooks wait, and the page is silent."),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=60,
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if reason := find_mail_problem(user):
            self.fields["by_mail"].disabled = True
            self.fields["by_mail"].help_text = reason
        for name in ("webhook_url", "time_zone"):
            self.fields[name].widget.attrs["class"] = "text-input"

    def clean_webhook_url(self) -> str:
        url = str(self.cleaned_data["webhook_url"])
        if url and not url.lower().startswith(("https://", "http://")):
            raise ValidationError(_("Only http and https addresses can be called."))
        return url

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"]).strip()
        if name not in available_timezones():
            raise ValidationError(_("There is no such time zone; choose one like Europe/Berlin."))
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name, other in (("quiet_from", "quiet_until"), ("quiet_until", "quiet_from")):
            if data.get(name) is None and data.get(other) is not None and name not in self.errors:
                self.add_error(name, _("Quiet hours need a beginning and an end."))
        return data


def find_mail_problem(user: User) -> Any:
    """Why this person gets no mail; "" if they can."""
    if not has_mail_server():
        return _("This studio has no mail server. Its owner can set one.")
    return "" if user.email else _("Your account has no e-mail address. Tell the owner.")
