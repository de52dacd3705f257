"""The table of a batch: what would be sent, each row checked and priced, all against what is left.

The page carries the rows from answer to answer; every answer checks them anew.
"""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.spec import Lifecycle, ModelSpec
from evolink_studio.catalog.text import is_unicode, strip_nul
from evolink_studio.core.database import parse_id
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import authorize_amount
from evolink_studio.credits.availability import (
    AllowanceStatus,
    find_most_restrictive,
    get_allowance_statuses,
)
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.credits.models import ProviderAccount, RateCard
from evolink_studio.credits.presenters import describe_shortage
from evolink_studio.credits.pricing import DURATION_FIELD, Estimate, estimate_price
from evolink_studio.credits.queries import get_current_rate_cards
from evolink_studio.generations import queries
from evolink_studio.generations.forms.batch_composition import RowInput
from evolink_studio.generations.forms.batch_sources import MAX_BATCH_ROWS
from evolink_studio.generations.forms.cast import (
    build_sent_values,
    find_cast_lines,
    find_cast_notices,
    put_members_in,
)
from evolink_studio.generations.forms.controls import (
    translate,
    translate_distinct,
    translate_label,
)
from evolink_studio.generations.forms.parsing import FILE_NOT_IN_LIBRARY
from evolink_studio.generations.models import Batch, Generation
from evolink_studio.generations.params import (
    FormData,
    build_media_file,
    get_assets_by_ref,
    has_missing_files,
    list_file_refs,
    put_files_in,
    read_form_values,
)
from evolink_studio.generations.presenters.main_settings import describe_main_settings
from evolink_studio.generations.presenters.quotes import find_service_problem
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls
from evolink_studio.prompts.cast.queries import find_cast_members
from evolink_studio.prompts.cast.tags import find_names
from evolink_studio.prompts.models import CastMember


def list_again_rows(unmade: queries.UnmadeRows) -> list[RowInput]:
    """A row for each of these generations, to send it again with all its settings.

    What a person cancelled by hand is not ticked: it may not be wanted any more.
    """
    return [
        RowInput(
            row.prompt,
            row.model_id,
            is_ticked=row.pk not in unmade.cancelled_ids,
            based_on_id=row.pk,
        )
        for row in unmade.rows
    ]


def derive_again_key(batch: Batch, generations: Iterable[Generation]) -> uuid.UUID:
    """The form key of these generations of a batch sent again.

    It is the same on each page that offers them, so that two of them send them only once.
    """
    pks = ",".join(str(row.pk) for row in generations)
    return uuid.uuid5(batch.form_key, f"again {pks}")


def parse_rows(data: QueryDict) -> list[RowInput]:
    """The rows that a page carried; [] for anything else. The prompts are as edited."""
    try:
        entries = json.loads(data.get("rows", ""))
    except (ValueError, RecursionError):
        return []
    ticked_numbers = set(data.getlist("ticked"))
    return [
        RowInput(
            prompt=strip_nul(data.get(f"prompt-{number}", "")),
            model_id=entry["model"],
            settings=_read_settings(entry.get("settings")),
            picture=entry["picture"] if _is_text(entry.get("picture")) else "",
            is_ticked=str(number) in ticked_numbers,
            based_on_id=parse_id(str(entry.get("based_on", ""))),
        )
        for number, entry in enumerate(
            (entries if isinstance(entries, list) else [])[:MAX_BATCH_ROWS]
        )
        if isinstance(entry, dict) and entry.get("model") in list(SPECS)
    ]


def _read_settings(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {name: strip_nul(text) for name, text in items if _is_text(text)}


def _is_text(value: object) -> bool:
    """Whether it is a text that a page can show: JSON can hold half of a surrogate pair."""
    return isinstance(value, str) and is_unicode(value)


@dataclass(frozen=True)
class BatchRow:
    """A row, checked and priced. `problems` say why it cannot be sent; then `request` may be None.

    `picture` is the row's own, `assets` are all that are sent with it. `based_on_id`: the
    generation that its settings are those of. `cast_lines` say what the names in the prompt stand
    for. `credits_needed` is what it would reserve; None with a problem.
    """

    number: int
    prompt: str
    spec: ModelSpec
    settings: Mapping[str, str]
    settings_text: str
    picture: Asset | None
    assets: Sequence[Asset]
    cast_lines: Sequence[str]
    is_ticked: bool
    problems: Sequence[str]
    request: VideoRequest | None
    estimate: Estimate
    credits_needed: Decimal | None
    based_on_id: int | None = None

    @property
    def can_be_sent(self) -> bool:
        return not self.problems

    @property
    def is_chosen(self) -> bool:
        """Whether it is sent with the table."""
        return self.is_ticked and self.can_be_sent

    @property
    def price_text(self) -> str:
        """Its price; "" where it cannot be sent."""
        if self.credits_needed is None:
            return ""
        if self.estimate.credits is not None:
            return format_credits(self.estimate.credits)
        if self.credits_needed:
            return _("at most {n}").format(n=format_credits(self.credits_needed))
        return _("not known")

    @property
    def picture_url(self) -> str:
        """Its picture as a thumbnail, else the first that it is sent with again; "" without."""
        earlier = self.assets if self.based_on_id else ()
        pictures = (asset for asset in earlier if asset.kind == Asset.Kind.IMAGE)
        picture = self.picture or next(pictures, None)
        return build_poster_urls(picture).small if picture else ""


@dataclass(frozen=True)
class BatchTable:
    """The rows, and what they cost together against what is left. `available` None: no limit.

    `service_problem` says why nobody can send anything now; "" if they can.
    """

    rows: Sequence[BatchRow]
    strictest: AllowanceStatus | None
    account: ProviderAccount
    service_problem: str
    form_key: uuid.UUID

    @cached_property
    def chosen_rows(self) -> list[BatchRow]:
        """The rows that a press sends."""
        return [row for row in self.rows if row.is_chosen]

    @cached_property
    def credits_needed(self) -> Decimal:
        """What the chosen rows reserve."""
        return sum((row.credits_needed or ZERO_CREDITS for row in self.chosen_rows), ZERO_CREDITS)

    @property
    def available(self) -> Decimal | None:
        """What the allowances leave."""
        if self.strictest is None:
            return None
        return ZERO_CREDITS if self.strictest.overdraft else self.strictest.available

    @property
    def shown_price(self) -> str:
        """What the button says, to compare with when it is pressed."""
        return f"{len(self.chosen_rows)} {self.credits_needed}"

    @property
    def has_open_price(self) -> bool:
        """Whether some price is only known as a worst case, or not at all."""
        return any(row.estimate.credits is None for row in self.chosen_rows)

    @property
    def fitting_rows(self) -> list[BatchRow]:
        """The first of the chosen rows that the credits left pay for."""
        if self.available is None:
            return self.chosen_rows
        rows, credits = [], ZERO_CREDITS
        for row in self.chosen_rows:
            credits += row.credits_needed or ZERO_CREDITS
            if credits > self.available:
                break
            rows.append(row)
        return rows

    @property
    def is_too_much(self) -> bool:
        """Whether the chosen rows cost more than is left."""
        return len(self.fitting_rows) < len(self.chosen_rows)

    @property
    def blocked_reason(self) -> str:
        """Why nothing can be sent as it is; "" if it can."""
        if self.service_problem or not self.chosen_rows:
            return self.service_problem or _("No row is ticked that can be sent.")
        if not self.is_too_much:
            return ""
        return _(
            "These need {needed} credits, and {available} are left. Of {count} rows the first "
            "{fitting} fit."
        ).format(
            needed=format_credits(self.credits_needed),
            available=format_credits(self.available),
            count=len(self.chosen_rows),
            fitting=len(self.fitting_rows),
        )

    @property
    def button_label(self) -> str:
        """The number of films and what they cost together."""
        count = len(self.chosen_rows)
        films = ngettext("Send {n} film", "Send {n} films", count).format(n=count)
        if not self.credits_needed:
            return films
        text = _("at most {n} credits") if self.has_open_price else _("{n} credits")
        return f"{films} · {text.format(n=format_credits(self.credits_needed))}"

    @property
    def button_note(self) -> str:
        """What is left afterwards; "" without a limit or with more than is left."""
        limits = [
            limit for limit in (self.available, self.account.credits_free) if limit is not None
        ]
        remaining = min(limits) - self.credits_needed if limits else None
        if remaining is None or remaining < 0:
            return ""
        return _("you will have {left} left").format(left=format_credits(remaining))

    @property
    def warning(self) -> str:
        """That EvoLink's own account has too little; "" if not."""
        return describe_shortage(self.account, self.credits_needed)

    @property
    def refused_count(self) -> int:
        return sum(not row.can_be_sent for row in self.rows)

    @property
    def rows_json(self) -> str:
        """What `parse_rows` reads."""
        return json.dumps(
            [
                {
                    "model": row.spec.id,
                    "settings": dict(row.settings),
                    **({"picture": row.picture.ref} if row.picture else {}),
                    **({"based_on": row.based_on_id} if row.based_on_id else {}),
                }
                for row in self.rows
            ]
        )

    def tick_only(self, numbers: Collection[int]) -> "BatchTable":
        """The same table with these rows ticked."""
        rows = [replace(row, is_ticked=row.number in numbers) for row in self.rows]
        return replace(self, rows=rows)


def build_table(
    user: User,
    inputs: Sequence[RowInput],
    *,
    account: ProviderAccount,
    form_key: uuid.UUID,
    now: datetime,
) -> BatchTable:
    """Check and price the rows. Up to nine queries, however many rows.

    `form_key` is that of the press. What a row repeats may have been sent again by it, and by no
    other: then this is the same press once more, and not a second one.
    """
    rate_cards = get_current_rate_cards(now=now)
    origins = queries.get_origins(user, {row.based_on_id for row in inputs if row.based_on_id})
    refs = [row.picture for row in inputs]
    for origin in origins.values():
        refs += list_file_refs(SPECS[origin.model_id], origin.params)
    assets = get_assets_by_ref(refs, user.pk)
    members = find_cast_members(
        user.pk, {name for row in inputs for name in find_names(row.prompt)}
    )
    statuses = get_allowance_statuses(user, now)
    remade_ids = queries.list_remade_ids(origins, form_key)
    checker = _RowChecker(rate_cards, assets, members, statuses, origins, remade_ids)
    active_spec = next(spec for spec in SPECS.values() if spec.lifecycle is Lifecycle.ACTIVE)
    return BatchTable(
        rows=[checker.check_row(number, row) for number, row in enumerate(inputs)],
        strictest=find_most_restrictive(statuses),
        account=account,
        service_problem=find_service_problem(
            active_spec, account, has_disk_space=queries.has_disk_space(now)
        ),
        form_key=form_key,
    )


@dataclass(frozen=True)
class _RowChecker:
    """Checks rows against the rules, prices and allowances of one moment."""

    rate_cards: Mapping[str, RateCard]
    assets: Mapping[str, Asset]
    members: Mapping[str, CastMember]
    statuses: Sequence[AllowanceStatus]
    origins: Mapping[int, Generation]
    remade_ids: Collection[int]

    def check_row(self, number: int, row: RowInput) -> BatchRow:
        spec = SPECS[row.model_id]
        picture = self.assets.get(row.picture)
        origin = self.origins.get(row.based_on_id or 0)
        # The model of a row is that of its origin: the page says both, and offers to change none.
        if origin is not None and origin.model_id != spec.id:
            origin = None
        form_data, problems = self._fill_form(spec, row, picture, origin)
        if row.based_on_id in self.remade_ids:
            problems.append(_("This was sent again already."))
        put_members_in(spec, form_data, self.members)
        evaluation = spec.evaluate(build_sent_values(spec, form_data))
        problems += [
            f"{translate_label(spec.get_field(error.field).label)}: {translate(error.message)}"
            for error in evaluation.errors
        ]
        estimate = estimate_price(self.rate_cards.get(spec.id), evaluation.values)
        needed = None
        if not problems:
            try:
                needed = authorize_amount(
                    [status.allowance for status in self.statuses],
                    model_id=spec.id,
                    amount=estimate.credits,
                    max_credits=estimate.max_credits,
                )
            except SpendingDenied as denial:
                problems.append(denial.reason)
        return BatchRow(
            number=number,
            prompt=row.prompt,
            spec=spec,
            settings=row.settings,
            settings_text=describe_main_settings(spec, {**evaluation.values, **row.settings}),
            picture=picture,
            assets=list(form_data.assets.values()),
            cast_lines=translate_distinct(
                [*find_cast_lines(spec, form_data), *find_cast_notices(spec, form_data)]
            ),
            is_ticked=row.is_ticked,
            problems=list(dict.fromkeys(problems)),
            request=evaluation.request,
            estimate=estimate,
            credits_needed=needed,
            based_on_id=origin.pk if origin else None,
        )

    def _fill_form(
        self, spec: ModelSpec, row: RowInput, picture: Asset | None, origin: Generation | None
    ) -> tuple[FormData, list[str]]:
        """The row as a form of its model, and why the rest of the row cannot be sent."""
        if origin is None:
            return _fill_form(spec, row, picture, FormData())
        stored_values = read_form_values(spec, origin.params)
        form_data = put_files_in(spec, stored_values, self.assets)
        filled_data, problems = _fill_form(spec, row, picture, form_data)
        if has_missing_files(spec, stored_values, form_data):
            problems.append(translate(FILE_NOT_IN_LIBRARY))
        return filled_data, problems


def _fill_form(
    spec: ModelSpec, row: RowInput, picture: Asset | None, form_data: FormData
) -> tuple[FormData, list[str]]:
    """What the row says, over what `form_data` says, and why the rest of it cannot be sent."""
    values = dict(form_data.values)
    assets = dict(form_data.assets)
    problems = []
    if spec.lifecycle is Lifecycle.RETIRED:
        problems.append(_("This model is retired. Choose another one."))
    names = {field.name for field in spec.fields}
    values |= {name: text for name, text in row.settings.items() if name in names}
    for name, text in row.settings.items():
        is_fixed_length = name == DURATION_FIELD and text == str(spec.fixed_seconds)
        if name not in names and not is_fixed_length:
            problems.append(_describe_missing_setting(spec, name))
    frame_field = next((field for field in spec.fields if field.is_frame), None)
    if row.picture and picture is None:
        problems.append(_("This picture is no longer in your library."))
    elif picture is not None and frame_field is None:
        problems.append(_("{model} takes no pictures.").format(model=spec.label))
    elif picture is not None and frame_field is not None:
        media = build_media_file(picture)
        values[frame_field.name] = [media] if frame_field.is_multiple else media
        assets[picture.ref] = picture
    prompt_fields = [field.name for field in spec.fields if field.control is Control.PROMPT]
    values |= dict.fromkeys(prompt_fields, row.prompt)
    return FormData(values, assets), problems


def _describe_missing_setting(spec: ModelSpec, name: str) -> str:
    if name == DURATION_FIELD and spec.fixed_seconds is not None:
        return _("{model} makes films of {seconds} s.").format(
            model=spec.label, seconds=spec.fixed_seconds
        )
    labels = (
        field.label for other in SPECS.values() for field in other.fields if field.name == name
    )
    return _("{model} has no setting “{setting}”.").format(
        model=spec.label, setting=translate_label(next(labels, name[:40]))
    )
