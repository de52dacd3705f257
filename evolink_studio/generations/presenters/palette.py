"""The commands of the palette: pages, AI models, and what can be pressed on the open page."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle


@dataclass(frozen=True)
class Command:
    """One line. It leads to `url`, or presses the element `press` where the open page has it.

    `words` are found by the search, and not shown; `keys` are those that do the same.
    """

    id: str
    label: str
    icon: str
    url: str = ""
    press: str = ""
    words: str = ""
    keys: str = ""


# (URL name, query, label, icon)
_PAGES: tuple[tuple[str, str, str | Promise, str], ...] = (
    ("home", "", gettext_lazy("Create"), "plus"),
    ("films", "", gettext_lazy("Films"), "play"),
    ("films", "?of=making", gettext_lazy("Films in the making"), "running"),
    ("films", "?of=ended", gettext_lazy("Failed and cancelled films"), "failed"),
    ("pictures", "", gettext_lazy("Pictures"), "image"),
    ("cast", "", gettext_lazy("Cast"), "person"),
    ("prompts", "", gettext_lazy("Prompts"), "bookmark"),
    ("batch", "", gettext_lazy("Batch"), "library"),
    ("projects", "", gettext_lazy("Projects"), "project"),
    ("collections", "", gettext_lazy("Collections"), "collection"),
    ("cuts", "", gettext_lazy("Cuts"), "cut"),
    ("shares", "", gettext_lazy("Shared links"), "link"),
    ("trash", "", gettext_lazy("Trash"), "trash"),
    ("month", "", gettext_lazy("Your month"), "calendar"),
    ("notifications", "", gettext_lazy("Notifications"), "info"),
    ("preferences", "", gettext_lazy("Language and appearance"), "person"),
)
# (element, label, icon, keys)
_PRESSES: tuple[tuple[str, str | Promise, str, str | Promise], ...] = (
    ("#generate-button", gettext_lazy("Generate"), "again", gettext_lazy("Ctrl ↵")),
    ("[data-open-models]", gettext_lazy("Choose another model"), "swap", ""),
    ("[data-select-all]", gettext_lazy("Select all films of this page"), "select", ""),
)


def list_commands(user: User) -> list[Command]:
    """Every command of this person, in the order in which they are offered. No query."""
    commands = [*_list_presses(), *_list_pages(user), *_list_models()]
    commands.append(Command("command-keys", _("Show the keys"), "keys", keys="?"))
    return commands


def _list_presses() -> Iterator[Command]:
    for number, (selector, label, icon, keys) in enumerate(_PRESSES):
        yield Command(f"command-press-{number}", str(label), icon, press=selector, keys=str(keys))


def _list_pages(user: User) -> Iterator[Command]:
    for number, (name, query, label, icon) in enumerate(_PAGES):
        yield Command(f"command-page-{number}", str(label), icon, url=reverse(name) + query)
    if user.is_staff:
        yield Command("command-admin", _("Administration"), "person", url=reverse("admin:index"))


def _list_models() -> Iterator[Command]:
    for spec in SPECS.values():
        if spec.lifecycle is Lifecycle.RETIRED:
            continue
        yield Command(
            f"command-model-{spec.id}",
            _("Create with {model}").format(model=_(spec.label)),
            "plus",
            url=reverse("create", args=[spec.id]),
            words=spec.id,
        )
