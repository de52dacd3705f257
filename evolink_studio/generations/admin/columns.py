"""What the list and the page say of a generation, one column or line each."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.core.admin import coloured
from evolink_studio.core.formatting import clock_text, credits_text
from evolink_studio.generations.models import Delivery, Generation
from evolink_studio.generations.presenters.cards import card
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

WEB = ("http", "https")


@dataclass(frozen=True)
class Seen:
    """A file of the library, through the door for staff."""

    asset: Asset
    page: str
    file: str
    poster: str


def seen(asset: Asset) -> Seen:
    """Addresses of a file; `poster` is empty where it has none."""
    return Seen(
        asset=asset,
        page=reverse("admin:library_asset_change", args=[asset.pk]),
        file=reverse("admin:library_asset_file", args=[asset.pk]),
        poster=reverse("admin:library_asset_poster", args=[asset.pk]) if asset.poster else "",
    )


def films(generation: Generation) -> list[Seen]:
    """The kept results, in their order."""
    return [seen(result.asset) for result in generation.results.all()]


def thumbnail(generation: Generation) -> SafeString:
    """The poster of the first film, or an empty frame of the same size."""
    posters = [film.poster for film in films(generation) if film.poster]
    picture = format_html('<img src="{}" alt="" loading="lazy">', posters[0]) if posters else ""
    return format_html(
        '<span class="studio-thumb">{}<span>#{}</span></span>', picture, generation.pk
    )


def folded(title: str, value: object) -> SafeString:
    """JSON or text, behind a line to open."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return format_html(
        '<details class="studio-fold"><summary>{}</summary><pre>{}</pre></details>', title, text
    )


def web_addresses(values: Iterable[object]) -> SafeString | str:
    """Addresses as text to read. Anything that is no web address is only counted."""
    texts = [str(value) for value in values]
    shown = [text for text in texts if _scheme(text) in WEB]
    hidden = len(texts) - len(shown)
    lines = [*shown, *([_("{n} hidden: not a web address").format(n=hidden)] if hidden else [])]
    if not lines:
        return "–"
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ul class="studio-addresses">{}</ul>', items)


def _scheme(text: str) -> str:
    """The scheme, or "" for what cannot be read as an address."""
    try:
        return urlsplit(text).scheme.lower()
    except ValueError:
        return ""


STATE_COLOURS: dict[str, str] = {
    State.QUEUED: "default",
    State.SENDING: "info",
    State.UNKNOWN: "warning",
    State.RUNNING: "info",
    State.SAVING: "info",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.CANCELLED: "default",
}


class Facts:
    """Mixed into the admin of generations."""

    @admin.display(description=gettext_lazy("generation"))
    def picture(self, generation: Generation) -> SafeString:
        return thumbnail(generation)

    @admin.display(description=gettext_lazy("person"))
    def person(self, generation: Generation) -> SafeString:
        url = reverse("admin:accounts_user_change", args=[generation.owner_id])
        return format_html('<a class="studio-link" href="{}">{}</a>', url, generation.owner)

    @admin.display(description=gettext_lazy("model"), ordering="model_id")
    def model_label(self, generation: Generation) -> str:
        spec = SPECS.get(generation.model_id)
        return spec.label if spec else generation.model_id

    @coloured(gettext_lazy("state"), STATE_COLOURS | {"stalled": "warning"}, "state")
    def state_label(self, generation: Generation) -> tuple[str, str]:
        shown = card(generation, now=timezone.now())
        return "stalled" if shown.stalled else shown.state, shown.state_text

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, generation: Generation) -> str:
        return self.state_label(generation)[1]

    @admin.display(description=gettext_lazy("money"))
    def charge_text(self, generation: Generation) -> str:
        return generation.get_charge_display()

    @admin.display(description=gettext_lazy("created"), ordering="created")
    def pressed(self, generation: Generation) -> str:
        return date_format(timezone.localtime(generation.created), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("settings"))
    def chips(self, generation: Generation) -> str:
        return " · ".join(card(generation, now=timezone.now()).chips) or "–"

    @admin.display(description=gettext_lazy("estimated"), ordering="estimated")
    def estimated_credits(self, generation: Generation) -> str:
        return credits_text(generation.estimated)

    @admin.display(description=gettext_lazy("reserved"), ordering="reserved")
    def reserved_credits(self, generation: Generation) -> str:
        return credits_text(generation.reserved)

    @admin.display(description=gettext_lazy("used"), ordering="used")
    def used_credits(self, generation: Generation) -> str:
        return credits_text(generation.used)

    @admin.display(description=gettext_lazy("took"))
    def took(self, generation: Generation) -> str:
        return clock_text(generation.elapsed(timezone.now()))

    @admin.display(description=gettext_lazy("parameters"))
    def parameters(self, generation: Generation) -> SafeString:
        return folded(_("What the person chose"), generation.params)

    @admin.display(description=gettext_lazy("last reply"))
    def reply(self, generation: Generation) -> SafeString | str:
        reply = generation.last_reply
        return folded(_("What EvoLink said last"), reply) if reply else "–"

    @admin.display(description=gettext_lazy("error"))
    def error(self, generation: Generation) -> SafeString | str:
        facts = (generation.error_code, generation.error_field, generation.error_text)
        known = "\n".join(fact for fact in facts if fact)
        return folded(generation.error_code or _("Without a code"), known) if known else "–"

    @admin.display(description=gettext_lazy("callbacks"))
    def callbacks(self, generation: Generation) -> SafeString | str:
        lines = [_came(delivery) for delivery in generation.deliveries.all()]
        title = ngettext("{n} callback came", "{n} callbacks came", len(lines)).format(n=len(lines))
        return folded(title, "\n".join(lines)) if lines else "–"

    @admin.display(description=gettext_lazy("addresses of the films"))
    def addresses(self, generation: Generation) -> SafeString | str:
        return web_addresses(generation.result_urls)


def _came(delivery: Delivery) -> str:
    refused = _("refused: {why}").format(why=delivery.get_refused_display())
    facts = (delivery.says, delivery.task_named, refused if delivery.refused else "")
    return " ".join([f"{delivery.at:%Y-%m-%d %H:%M:%S}", *filter(None, facts)])
