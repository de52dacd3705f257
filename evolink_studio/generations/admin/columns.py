"""Columns of the generation list and fields of its page."""

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
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.catalog import get_label
from evolink_studio.core.admin import badge_column
from evolink_studio.core.formatting import format_clock, format_credits
from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.presenters.cards import present_chips, present_progress
from evolink_studio.generations.presenters.failure_text import build_failure_text
from evolink_studio.generations.presenters.status_text import build_status_text
from evolink_studio.generations.queries import SHOWN_RESULTS_LIMIT
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset

MAX_SHOWN_URLS = 50
WEB_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class AssetLinks:
    """A file of the library, with its admin URLs; "" as `poster_url` if it has none."""

    asset: Asset
    page_url: str
    file_url: str
    poster_url: str


def build_asset_links(asset: Asset) -> AssetLinks:
    """The admin URLs of a file."""
    return AssetLinks(
        asset=asset,
        page_url=reverse("admin:library_asset_change", args=[asset.pk]),
        file_url=reverse("admin:library_asset_file", args=[asset.pk]),
        poster_url=reverse("admin:library_asset_poster", args=[asset.pk]) if asset.poster else "",
    )


def build_result_links(generation: Generation) -> list[AssetLinks]:
    """The first saved films of a generation, in their order."""
    results = generation.results.all()[:SHOWN_RESULTS_LIMIT]
    return [build_asset_links(result.asset) for result in results]


def render_thumbnail(generation: Generation) -> SafeString:
    """The poster of the first film, or an empty frame of the same size."""
    posters = [links.poster_url for links in build_result_links(generation) if links.poster_url]
    image = format_html('<img src="{}" alt="" loading="lazy">', posters[0]) if posters else ""
    return format_html(
        '<span class="studio-thumbnail">{}<span>#{}</span></span>', image, generation.pk
    )


def build_collapsible(title: str, value: object) -> SafeString:
    """JSON or text in a closed `<details>`."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        text = _("Too deeply nested to be shown.")
    return format_html(
        '<details class="studio-collapsible"><summary>{}</summary><pre>{}</pre></details>',
        title,
        text,
    )


def render_urls(values: Iterable[object]) -> SafeString | str:
    """URLs as text without links. Anything that is no web address is only counted."""
    texts = [str(value) for value in values]
    urls = [text for text in texts if _url_scheme(text) in WEB_SCHEMES]
    hidden_count = len(texts) - len(urls)
    more_count = max(0, len(urls) - MAX_SHOWN_URLS)
    lines = [
        *urls[:MAX_SHOWN_URLS],
        *([_("and {n} more").format(n=more_count)] if more_count else []),
        *([_("{n} hidden: not a web address").format(n=hidden_count)] if hidden_count else []),
    ]
    if not lines:
        return "–"
    items = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ul class="studio-urls">{}</ul>', items)


def _url_scheme(text: str) -> str:
    """The scheme, or "" for what cannot be parsed as a URL."""
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


MAX_PROMPT_LENGTH = 80  # in the list; the page of a generation has all of it


class GenerationColumns:
    """Mixed into the admin of generations."""

    @admin.display(description=gettext_lazy("prompt"))
    def prompt_text(self, generation: Generation) -> str:
        return Truncator(" ".join(generation.prompt.split())).chars(MAX_PROMPT_LENGTH) or "–"

    @admin.display(description=gettext_lazy("why"))
    def failure_text(self, generation: Generation) -> SafeString | str:
        """Why it failed, in words, and EvoLink's code for it."""
        if generation.state != State.FAILED:
            return "–"
        text = build_failure_text(generation.error_code).message
        return format_html('<span title="{}">{}</span>', generation.error_code, text)

    @admin.display(description=gettext_lazy("generation"))
    def thumbnail(self, generation: Generation) -> SafeString:
        return render_thumbnail(generation)

    @admin.display(description=gettext_lazy("person"))
    def owner_link(self, generation: Generation) -> SafeString:
        url = reverse("admin:accounts_user_change", args=[generation.owner_id])
        return format_html('<a class="studio-link" href="{}">{}</a>', url, generation.owner)

    @admin.display(description=gettext_lazy("model"), ordering="model_id")
    def model_label(self, generation: Generation) -> str:
        return _(get_label(generation.model_id))

    @badge_column(gettext_lazy("state"), STATE_COLOURS | {"stalled": "warning"}, "state")
    def state_badge(self, generation: Generation) -> tuple[str, str]:
        now = timezone.now()
        is_stalled = present_progress(generation, now=now).is_stalled
        text = build_status_text(generation, now, None)
        return "stalled" if is_stalled else generation.state, str(text.label)

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, generation: Generation) -> str:
        return self.state_badge(generation)[1]

    @admin.display(description=gettext_lazy("money"))
    def charge_label(self, generation: Generation) -> str:
        return generation.get_charge_display()

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created_text(self, generation: Generation) -> str:
        return date_format(timezone.localtime(generation.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("settings"))
    def settings_text(self, generation: Generation) -> str:
        return " · ".join(present_chips(generation)) or "–"

    @admin.display(description=gettext_lazy("estimated"), ordering="credits_estimated")
    def estimated_text(self, generation: Generation) -> str:
        return format_credits(generation.credits_estimated)

    @admin.display(description=gettext_lazy("reserved"), ordering="credits_held")
    def reserved_text(self, generation: Generation) -> str:
        return format_credits(generation.credits_held)

    @admin.display(description=gettext_lazy("charged"), ordering="credits_charged")
    def charged_text(self, generation: Generation) -> str:
        return format_credits(generation.credits_charged)

    @admin.display(description=gettext_lazy("took"))
    def elapsed_text(self, generation: Generation) -> str:
        return format_clock(generation.get_elapsed(timezone.now()))

    @admin.display(description=gettext_lazy("parameters"))
    def parameters(self, generation: Generation) -> SafeString:
        return build_collapsible(_("What the person chose"), generation.params)

    @admin.display(description=gettext_lazy("last reply"))
    def provider_reply(self, generation: Generation) -> SafeString | str:
        reply = generation.last_reply
        return build_collapsible(_("What EvoLink said last"), reply) if reply else "–"

    @admin.display(description=gettext_lazy("error"))
    def error_details(self, generation: Generation) -> SafeString | str:
        parts = (generation.error_code, generation.error_field, generation.error_text)
        text = "\n".join(part for part in parts if part)
        return (
            build_collapsible(generation.error_code or _("Without a code"), text) if text else "–"
        )

    @admin.display(description=gettext_lazy("callbacks"))
    def callback_log(self, generation: Generation) -> SafeString | str:
        lines = [_callback_line(delivery) for delivery in generation.deliveries.all()]
        title = ngettext("{n} callback came", "{n} callbacks came", len(lines)).format(n=len(lines))
        return build_collapsible(title, "\n".join(lines)) if lines else "–"

    @admin.display(description=gettext_lazy("addresses of the films"))
    def result_url_list(self, generation: Generation) -> SafeString | str:
        urls: object = generation.result_urls
        return render_urls(urls if isinstance(urls, list) else [])


def _callback_line(delivery: CallbackDelivery) -> str:
    rejection = _("refused: {why}").format(why=delivery.get_rejection_display())
    parts = (
        delivery.reported_status,
        delivery.reported_task_id,
        rejection if delivery.rejection else "",
    )
    return " ".join([f"{delivery.received_at:%Y-%m-%d %H:%M:%S}", *filter(None, parts)])
