"""Users, their one-time sign-in links, and the log of what happened at the door."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.dispatch import Signal
from django.utils.crypto import get_random_string, salted_hmac
from django.utils.translation import gettext_lazy as _

# Sent by `User.save` with `user` and `kind`, a `SecurityEventKind`, after what it says was saved.
access_changed = Signal()

STAMP_LENGTH = 32
# Another password, or one of the others turned off, ends what was opened before.
ACCESS_FIELDS = frozenset({"password", "is_active", "is_staff", "is_superuser"})


def _make_stamp() -> str:
    return get_random_string(STAMP_LENGTH)


class Theme(models.TextChoices):
    AUTO = "auto", _("As my device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class SecurityEventKind(models.TextChoices):
    """What may happen at the door."""

    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    WRONG_PASSWORD = "wrong_password", _("refused: wrong password")
    UNKNOWN_NAME = "unknown_name", _("refused: nobody has this name")
    ACCOUNT_OFF = "account_off", _("refused: account switched off")
    THROTTLED = "throttled", _("refused: too many attempts")
    LINK_MADE = "link_made", _("sign-in link made")
    LINK_USED = "link_used", _("sign-in link used")
    LINK_REFUSED = "link_refused", _("refused: sign-in link no longer valid")
    LINK_REVOKED = "link_revoked", _("sign-in link revoked")
    PASSWORD_CHANGED = "password_changed", _("password changed")
    SESSIONS_ENDED = "sessions_ended", _("signed out everywhere")
    SWITCHED_OFF = "switched_off", _("account switched off")
    SWITCHED_ON = "switched_on", _("account switched on")
    ROLE_CHANGED = "role_changed", _("role changed")


class UserQuerySet(models.QuerySet["User"]):
    """Users, of whom none keeps a session or an open link that an update ends."""

    def update(self, **changes: Any) -> int:
        """As Django's; renews the security stamps where a role or a password may be taken away."""
        if any(changes.get(name, True) is not True for name in ACCESS_FIELDS):
            changes.setdefault("security_stamp", _make_stamp())
        return super().update(**changes)

    def active_owners(self) -> Self:
        """Those who may change everything, and can sign in to do so."""
        return self.filter(is_active=True, is_staff=True, is_superuser=True)


class StudioUserManager(UserManager["User"]):
    """Django's, with the updates of `UserQuerySet`."""

    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def active_owners(self) -> UserQuerySet:
        """As `UserQuerySet.active_owners`."""
        return self.get_queryset().active_owners()


class User(AbstractUser):
    """A person. Staff may view the admin pages; the owner (superuser) may change everything."""

    language = models.CharField(
        _("language"),
        max_length=8,
        blank=True,
        help_text=_("Language of the pages. Empty: what the browser asks for."),
    )
    theme = models.CharField(
        _("appearance"), max_length=5, choices=Theme.choices, default=Theme.AUTO
    )
    # Sessions and sign-in links are good for the stamp of their time and for no other.
    security_stamp = models.CharField(
        max_length=STAMP_LENGTH, default="", blank=True, editable=False
    )

    objects: ClassVar[StudioUserManager] = StudioUserManager()

    class Meta(AbstractUser.Meta):
        verbose_name = _("person")  # type: ignore[assignment]  # the base class is typed too narrowly
        verbose_name_plural = _("people")  # type: ignore[assignment]  # as above

    @property
    def is_privileged(self) -> bool:
        """Whether this account may do more than make films, once it is active."""
        return self.is_staff or self.is_superuser

    @property
    def is_active_owner(self) -> bool:
        """As `UserQuerySet.active_owners`."""
        return self.is_active and self.is_staff and self.is_superuser

    def renew_security_stamp(self) -> None:
        """End every session and every open sign-in link, once this is saved."""
        self.security_stamp = _make_stamp()

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """As Django's; renews the security stamp with a new password or a role taken away."""
        names = None if update_fields is None else set(update_fields)
        stored = self._find_stored(names)
        changed_names = self._list_changed_names(stored, names) if stored else []
        if stored:
            self.security_stamp = stored.security_stamp  # ours may be from before it was renewed
            if any(name == "password" or getattr(stored, name) for name in changed_names):
                self.renew_security_stamp()
                names = names and names | {"security_stamp"}
        super().save(*args, update_fields=names, **kwargs)
        for kind in dict.fromkeys(map(self._get_event_kind, changed_names)):
            access_changed.send(User, user=self, kind=kind)

    def _find_stored(self, names: set[str] | None) -> "User | None":
        """The row before it is saved; None where saving the fields `names` changes no access."""
        if self._state.adding or not (names is None or names & ACCESS_FIELDS):
            return None
        if names == {"password"} and getattr(self, "_password", None) is None:
            return None  # Django hashes the same password in a newer way
        return User._base_manager.filter(pk=self.pk).first()

    def _list_changed_names(self, stored: "User", names: set[str] | None) -> list[str]:
        saved_names = ACCESS_FIELDS if names is None else ACCESS_FIELDS & names
        return sorted(n for n in saved_names if getattr(self, n) != getattr(stored, n))

    def _get_event_kind(self, changed_name: str) -> SecurityEventKind:
        if changed_name == "password":
            return SecurityEventKind.PASSWORD_CHANGED
        if changed_name != "is_active":
            return SecurityEventKind.ROLE_CHANGED
        return SecurityEventKind.SWITCHED_ON if self.is_active else SecurityEventKind.SWITCHED_OFF

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must know to go on: it ends with the password or the stamp."""
        value = f"{self.password}{self.security_stamp}"
        salt = "evolink_studio.accounts.models.User.session"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


class SignInLinkQuerySet(models.QuerySet["SignInLink"]):
    def open(self, now: datetime) -> Self:
        """Links that would still sign somebody in."""
        return self.filter(
            used_at=None,
            revoked_at=None,
            expires_at__gt=now,
            user__is_active=True,
            security_stamp=models.F("user__security_stamp"),
        )


class SignInLink(models.Model):
    """A link that signs one person in once. Only the hash of its token is stored."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="sign_in_links", verbose_name=_("person")
    )
    token_hash = models.CharField(max_length=64, unique=True)
    # The stamp of its person when it was made: a new password, for one, ends the link.
    security_stamp = models.CharField(max_length=STAMP_LENGTH, default="", editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("valid until"))
    used_at = models.DateTimeField(_("used"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects = SignInLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in link")
        verbose_name_plural = _("sign-in links")
        indexes = (models.Index(fields=["-created_at", "-id"], name="sign_in_link_newest"),)

    def __str__(self) -> str:
        return f"{self.user} {self.created_at:%Y-%m-%d %H:%M}"

    def get_state(self, now: datetime) -> str:
        """`open`, `used`, `revoked`; `ended` by its time or by what changed about its person."""
        if self.used_at or self.revoked_at:
            return "used" if self.used_at else "revoked"
        return "open" if self.is_open(now) else "ended"

    def is_open(self, now: datetime) -> bool:
        """As `SignInLinkQuerySet.open`."""
        is_unspent = self.used_at is None and self.revoked_at is None and self.expires_at > now
        is_current = self.security_stamp == self.user.security_stamp
        return is_unspent and is_current and self.user.is_active


class SecurityEvent(models.Model):
    """One thing that happened at the door: who, when, from where. Never a secret."""

    created_at = models.DateTimeField(_("at"))
    kind = models.CharField(_("what"), max_length=20, choices=SecurityEventKind.choices)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("person")
    )
    # As it was then: it stays when the person is deleted. Empty: no such person.
    username = models.CharField(_("name"), max_length=150, blank=True)
    actor_name = models.CharField(_("by"), max_length=150, blank=True)  # if somebody else did it
    ip_address = models.GenericIPAddressField(_("from"), null=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        indexes = (
            models.Index(fields=["-created_at", "-id"], name="security_event_newest"),
            models.Index(fields=["kind", "-created_at"], name="security_event_kind"),
            models.Index(fields=["user", "-created_at"], name="security_event_user"),
            models.Index(fields=["ip_address", "-created_at"], name="security_event_ip"),
            models.Index(fields=["username", "-created_at"], name="security_event_name"),
        )

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.get_kind_display()} {self.username}"
