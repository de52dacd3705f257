"""Forms for preferences, sign-in and passwords, here and in the admin pages."""

from typing import TYPE_CHECKING, Any

from allauth.account import forms as account
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from evolink_studio.accounts.models import Theme, User
from evolink_studio.accounts.services import LastOwnerError, require_other_owner

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("As my browser")), *settings.LANGUAGES],
        required=False,
    )
    theme = forms.ChoiceField(label=_("Appearance"), choices=Theme.choices)


def _set_labels(form: forms.Form, **labels: "StrOrPromise") -> None:
    """Set our labels and remove allauth's placeholders."""
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].widget.attrs.pop("placeholder", None)


class LoginForm(account.LoginForm):  # type: ignore[misc]  # allauth has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_labels(self, login=_("User name or email address"), password=_("Password"))
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class SetPasswordForm(account.SetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_labels(self, password1=_("New password"), password2=_("New password, once more"))


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_labels(
            self,
            oldpassword=_("Password until now"),
            password1=_("New password"),
            password2=_("New password, once more"),
        )


class ReauthenticateForm(account.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_labels(self, password=_("Password"))


LAST_OWNER_TEXT = _(
    "This is the only owner who can sign in: without them nobody could change anything any more. "
    "Make somebody else an owner first."
)


class PersonForm(UserChangeForm):  # type: ignore[misc]  # unfold has no types
    """A person in the admin pages. To be validated in the transaction that saves it."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        for name in ("is_active", "is_staff", "is_superuser"):
            if self.instance.is_active_owner and not data.get(name, True):
                _require_other_owner(self, name, self.instance)
        return data


class PersonPasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]  # unfold has no types
    """Somebody's new password. The last owner keeps one: nobody could make them a link."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        if self.user.is_active_owner and not data.get("set_usable_password", True):
            _require_other_owner(self, "password1", self.user)  # unfold shows the other one nowhere
        return data


def _require_other_owner(form: forms.Form, field_name: str, user: User) -> None:
    try:
        require_other_owner([user])
    except LastOwnerError:
        form.add_error(field_name, ValidationError(LAST_OWNER_TEXT, code="last_owner"))
