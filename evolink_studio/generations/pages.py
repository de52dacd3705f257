"""What a page shows around the form and the cards, in the person's language."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle, Spec
from evolink_studio.credits.models import FarAccount, RateCard
from evolink_studio.credits.pricing import cheapest, price
from evolink_studio.credits.queries import current_cards, far_account
from evolink_studio.credits.refusals import ModelNotAllowed
from evolink_studio.generations import queries
from evolink_studio.generations.figures import about_text, credits_text
from evolink_studio.generations.news import Pulse, Token
from evolink_studio.generations.recipes import RECIPES
from evolink_studio.generations.steps.far import far_name


@dataclass(frozen=True)
class ModelCard:
    """One AI model in the picker; `reason` says why this person may not use it."""

    id: str
    label: str
    summary: str
    badges: tuple[str, ...]
    typical: str
    price: str
    lifecycle: str
    lifecycle_text: str
    url: str
    switch_url: str
    selected: bool
    reason: str = ""


@dataclass(frozen=True)
class RecipeCard:
    """An example that fills the form, with its price."""

    title: str
    prompt: str
    price: str
    url: str


@dataclass(frozen=True)
class Usage:
    """Credits of a person, and what EvoLink says is left, with its age."""

    reserved: str
    today: str
    month: str
    balance: str
    balance_age_iso: str
    balance_note: str


@dataclass(frozen=True)
class Live:
    """The page's one poller."""

    url: str
    running: bool
    token: str


@dataclass(frozen=True)
class Banner:
    """A line above everything: `kind` is info, warn or error."""

    kind: str
    text: str


_BADGES: Mapping[str, str | Promise] = {
    "text": gettext_lazy("Text"),
    "image": gettext_lazy("Pictures"),
    "video": gettext_lazy("Video"),
    "audio": gettext_lazy("Audio"),
    "sound": gettext_lazy("With sound"),
}
_LIFECYCLES: Mapping[Lifecycle, str | Promise] = {
    Lifecycle.ACTIVE: "",
    Lifecycle.PREVIEW: gettext_lazy("Preview"),
    Lifecycle.DEPRECATED: gettext_lazy("Ends soon"),
    Lifecycle.RETIRED: gettext_lazy("Retired"),
}


def model_cards(selected: str, now: datetime, closed: Container[str] = ()) -> list[ModelCard]:
    """The picker; `closed` are models that the person may not use. Two queries in all."""
    typical = queries.typical_seconds(list(SPECS))
    prices = current_cards(now=now)
    make = partial(_model_card, selected=selected, typical=typical, prices=prices, closed=closed)
    return [make(spec) for spec in SPECS.values()]


def _model_card(
    spec: Spec,
    *,
    selected: str,
    typical: Mapping[str, int],
    prices: Mapping[str, RateCard],
    closed: Container[str],
) -> ModelCard:
    seconds = typical.get(spec.id, spec.typical_seconds)
    return ModelCard(
        id=spec.id,
        label=_(spec.label),
        summary=_(spec.summary),
        badges=(*(str(_BADGES[mode.value]) for mode in spec.modes), *_limits(spec)),
        typical=_("usually {time}").format(time=about_text(seconds)),
        price=_price(prices.get(spec.id)),
        lifecycle="" if spec.lifecycle is Lifecycle.ACTIVE else spec.lifecycle.value,
        lifecycle_text=str(_LIFECYCLES[spec.lifecycle]),
        url=reverse("create", args=[spec.id]),
        switch_url=reverse("switch", args=[spec.id]),
        selected=spec.id == selected,
        reason=ModelNotAllowed(model_id=spec.id).what if spec.id in closed else "",
    )


def _limits(spec: Spec) -> list[str]:
    """The longest and the finest that it makes, as far as that can be chosen or is fixed."""
    length = _("up to {n} s").format(n=f"{spec.seconds[1]:g}") if spec.seconds else ""
    if spec.fixed_seconds is not None:
        length = f"{spec.fixed_seconds} s"
    finest = _("up to {quality}").format(quality=_(spec.finest)) if spec.finest else ""
    return [text for text in (length, finest) if text]


def _price(card: RateCard | None) -> str:
    if card is None:
        return _("price not known")
    amount = credits_text(cheapest(card))
    if card.unit == RateCard.Unit.SECOND:
        return _("from {n} credits a second").format(n=amount)
    return _("{n} credits a film").format(n=amount)


def recipe_cards(now: datetime) -> list[RecipeCard]:
    """Examples for an empty first page. One query."""
    prices = current_cards(now=now)
    return [
        RecipeCard(
            title=str(recipe.title),
            prompt=str(recipe.prompt),
            price=_("about {n} credits").format(
                n=credits_text(price(prices[recipe.model_id], recipe.settings))
            )
            if recipe.model_id in prices
            else "",
            url=f"{reverse('create', args=[recipe.model_id])}?recipe={number}",
        )
        for number, recipe in RECIPES.items()
    ]


def usage(user: User, account: FarAccount, now: datetime) -> Usage:
    """The credit badge. One query."""
    spent = queries.spending(user, now)
    return Usage(
        reserved=credits_text(spent.reserved),
        today=credits_text(spent.today),
        month=credits_text(spent.month),
        balance=credits_text(account.spendable),
        balance_age_iso=account.read.isoformat() if account.read else "",
        balance_note=_balance_note(account),
    )


def _balance_note(account: FarAccount) -> str:
    if account.read is None:
        return _("not read yet")
    if account.tried != account.read:
        return _("EvoLink did not answer the last time")
    return ""


def live(shown: int | None, running: bool, token: Token) -> Live:
    """The poller of a page that shows generation `shown` large."""
    url = f"{reverse('live')}?since={token}&show={shown or ''}"
    return Live(url=url, running=running, token=str(token))


def banners(account: FarAccount, pulse: Pulse, now: datetime) -> list[Banner]:
    """What everybody on the page has to know."""
    lines = []
    if account.key_state == FarAccount.KeyState.REFUSED:
        lines.append(Banner("error", key_refused()))
    elif account.problem:
        lines.append(
            Banner("warn", _("EvoLink cannot be reached right now. Drafts and waiting work keep."))
        )
    if pulse.worker_away(now):
        lines.append(
            Banner(
                "warn",
                _("The studio's worker is away: nothing is sent or updated until it is back."),
            )
        )
    return lines


def key_refused() -> str:
    """Also the reason on the button."""
    return _("EvoLink does not accept this studio's key, so nothing is sent. Tell the owner.")


def blocked(spec: Spec, account: FarAccount, disk_free: int | None) -> str:
    """Why nothing can be sent now; "" when it can."""
    if account.key_state == FarAccount.KeyState.REFUSED:
        return key_refused()
    if spec.lifecycle is Lifecycle.RETIRED:
        return _("This model is retired. Choose another one.")
    if disk_free is not None and disk_free < queries.LOW_DISK:
        return _("This server's disk is nearly full, so a film could not be kept. Nothing is sent.")
    return ""


def account_now() -> FarAccount:
    """The account as last read, less what EvoLink took since then. Two queries, no write."""
    account = far_account(far_end=far_name())
    if account.spendable is not None and account.read is not None:
        account.spendable -= queries.taken_since(account.read)
    return account
