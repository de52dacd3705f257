"""What the films page is asked for: the filters in its address, and the films that they leave."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.text import smart_split
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_local_day_start
from evolink_studio.core.database import parse_id
from evolink_studio.core.search import fold_text
from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import list_resent_batches
from evolink_studio.generations.search_index import FILM_INDEX
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State

if TYPE_CHECKING:
    from django.http import QueryDict

MAX_TEXT_LENGTH = 200
MAX_PIECES = 10
MAX_VALUES = 20  # of one filter
MIN_TASK_ID_LENGTH = 6  # a shorter text is no beginning of a task's name
FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2999, 12, 31)
EVERYBODY = "all"


@dataclass(frozen=True)
class FilmTab:
    """One list of the page: its label, its states, and the text for an empty list."""

    name: str
    label: str | Promise
    states: Collection[State]
    empty_text: str | Promise


KEPT_TAB = FilmTab("", _("Kept"), (State.COMPLETED,), _("No film yet. What you make is kept here."))
TABS: Mapping[str, FilmTab] = {
    tab.name: tab
    for tab in (
        KEPT_TAB,
        FilmTab("making", _("In the making"), LIVE_STATES, _("Nothing is in the making.")),
        FilmTab(
            "ended",
            _("Failed and cancelled"),
            ENDED_STATES - {State.COMPLETED},
            _("Nothing failed and nothing was cancelled."),
        ),
    )
}


@dataclass(frozen=True)
class LengthRange:
    """Films of so many whole seconds, both ends included; without `last` any longer ones."""

    first: int
    last: int | None

    @property
    def name(self) -> str:
        """As an address has it: 6-10, 21-."""
        return f"{self.first}-{'' if self.last is None else self.last}"


LENGTHS: Mapping[str, LengthRange] = {
    length.name: length
    for length in (
        LengthRange(0, 5),
        LengthRange(6, 10),
        LengthRange(11, 20),
        LengthRange(21, None),
    )
}
SOUNDS: Mapping[str, bool] = {"with": True, "without": False}


@dataclass(frozen=True)
class FilmFilters:
    """What is looked for. Several values of one filter: any of them.

    `text` is looked for in prompt, title, notes and tags, or is a number or the beginning of a
    task's name. `batch_id`: a batch with those in which its missing films were sent again. `since`
    and `until` are days, both included. `person` is "" for one's own films,
    EVERYBODY, or the number of a person; only a superuser's counts.
    """

    tab: str = ""
    text: str = ""
    model_ids: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    is_starred: bool = False
    tag_ids: tuple[int, ...] = ()
    collection_id: int | None = None
    project_id: int | None = None
    batch_id: int | None = None
    since: date | None = None
    until: date | None = None
    person: str = ""

    @property
    def states(self) -> Collection[State]:
        """The states of the tab."""
        return TABS[self.tab].states

    @property
    def is_making(self) -> bool:
        """Whether the tab has what is under way."""
        return self.states is LIVE_STATES

    @property
    def active_names(self) -> tuple[str, ...]:
        """The fields that narrow the list. The tab and the person choose it, and do not."""
        names = (field.name for field in fields(self) if field.name not in ("tab", "person"))
        return tuple(name for name in names if getattr(self, name))

    @property
    def pieces(self) -> list[str]:
        """The folded words of the text, in quotation marks several as one."""
        words = (word.strip("\"'") for word in smart_split(self.text))
        return [piece for word in words if (piece := fold_text(word))][:MAX_PIECES]

    def without(self, *names: str) -> "FilmFilters":
        """These filters without those of the named fields."""
        plain = FilmFilters()
        return replace(self, **{name: getattr(plain, name) for name in names})

    def without_value(self, name: str, value: object) -> "FilmFilters":
        """These filters without one value of the named field."""
        values = getattr(self, name)
        if not isinstance(values, tuple):
            return self.without(name)
        changes: dict[str, Any] = {name: tuple(item for item in values if item != value)}
        return replace(self, **changes)

    def on_tab(self, tab: str) -> "FilmFilters":
        """The same filters on another tab."""
        return replace(self, tab=tab)

    def list_parameters(self) -> list[tuple[str, str]]:
        """Name and value of each filter in the address, which `parse_filters` reads again."""
        pairs: list[tuple[str, str]] = []
        for field_name, parameter in _PARAMETERS.items():
            value = getattr(self, field_name)
            if not value:
                continue
            values = value if isinstance(value, tuple) else (_format_value(value),)
            pairs += [(parameter, str(item)) for item in values]
        return pairs

    def build_query(self, extra: Mapping[str, str] | None = None) -> str:
        """The query of the address; "" for all films."""
        return urlencode([*self.list_parameters(), *(extra or {}).items()])

    def build_url(self, extra: Mapping[str, str] | None = None) -> str:
        """The address of the list."""
        query = self.build_query(extra)
        return f"{reverse('films')}?{query}" if query else reverse("films")


# The name of each filter in the address.
_PARAMETERS: Mapping[str, str] = {
    "tab": "of",
    "text": "q",
    "model_ids": "model",
    "ratios": "ratio",
    "lengths": "length",
    "sounds": "sound",
    "is_starred": "starred",
    "tag_ids": "tag",
    "collection_id": "collection",
    "project_id": "project",
    "batch_id": "batch",
    "since": "from",
    "until": "to",
    "person": "person",
}


def _format_value(value: object) -> str:
    return "1" if value is True else str(value)


def parse_filters(query: "QueryDict | Mapping[str, str]") -> FilmFilters:
    """The filters of an address. What makes no sense there is left out."""
    tab = _get_text(query, "of")
    return FilmFilters(
        tab=tab if tab in TABS else "",
        text=" ".join(_get_text(query, "q").split())[:MAX_TEXT_LENGTH],
        model_ids=_list_texts(query, "model"),
        ratios=_list_texts(query, "ratio"),
        lengths=tuple(name for name in _list_texts(query, "length") if name in LENGTHS),
        sounds=tuple(name for name in _list_texts(query, "sound") if name in SOUNDS),
        is_starred=_get_text(query, "starred") == "1",
        tag_ids=tuple(pk for text in _list_texts(query, "tag") if (pk := parse_id(text))),
        collection_id=parse_id(_get_text(query, "collection")) or None,
        project_id=parse_id(_get_text(query, "project")) or None,
        batch_id=parse_id(_get_text(query, "batch")) or None,
        since=_parse_day(_get_text(query, "from")),
        until=_parse_day(_get_text(query, "to")),
        person=_parse_person(_get_text(query, "person")),
    )


def _get_text(query: "QueryDict | Mapping[str, str]", name: str) -> str:
    """Without what no database takes: NUL and halves of letters."""
    text = str(query.get(name, "")).replace("\0", "")
    return text.encode("utf-8", "ignore").decode()


def _list_texts(query: "QueryDict | Mapping[str, str]", name: str) -> tuple[str, ...]:
    getlist = getattr(query, "getlist", None)
    values = getlist(name) if getlist else [query.get(name, "")]
    texts = (_get_text({name: value}, name)[:MAX_TEXT_LENGTH] for value in values[:MAX_VALUES])
    return tuple(dict.fromkeys(text for text in texts if text))


def _parse_day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return min(max(day, FIRST_DATE), LAST_DATE) if day else None


def _parse_person(text: str) -> str:
    return text if text == EVERYBODY or parse_id(text) else ""


def get_owner_id(user: User, filters: FilmFilters) -> int | None:
    """Whose films are listed; None for everybody's. Prompts are private: only a superuser may."""
    if not (user.is_superuser and filters.person):
        return user.pk
    return parse_id(filters.person)


def filter_films(user: User, filters: FilmFilters) -> "QuerySet[Generation]":
    """All films that the filters leave, in no order; none in the trash.

    At most two queries, and those of `list_resent_batches`. For what is done to all of them. A page
    of them is `queries.load_page`, at any depth.
    """
    rows = Generation.objects.filter(trashed_at=None, state__in=filters.states)
    owner_id = get_owner_id(user, filters)
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    rows = narrow_films(rows.filter(build_facet_condition(filters)), filters, owner_id)
    if filters.text:
        rows = rows.filter(build_name_condition(filters) | FILM_INDEX.build_filter(filters.pieces))
    return rows


def narrow_films(
    rows: "QuerySet[Generation]", filters: FilmFilters, owner_id: int | None
) -> "QuerySet[Generation]":
    """Those of these films that days, tags, collection and batch leave."""
    rows = rows.filter(build_day_condition(filters))
    for tag_id in filters.tag_ids:
        rows = rows.filter(tags=tag_id)
    if filters.collection_id:
        rows = rows.filter(collections=filters.collection_id)
    if filters.batch_id:
        rows = rows.filter(batch__in=list_resent_batches(filters.batch_id, owner_id))
    return rows


def build_facet_condition(filters: FilmFilters) -> Q:
    """The films whose own facts are those looked for."""
    condition = Q()
    if filters.model_ids:
        condition &= Q(model_id__in=filters.model_ids)
    if filters.ratios:
        condition &= Q(ratio__in=filters.ratios)
    if filters.lengths:
        lengths = (LENGTHS[name] for name in filters.lengths)
        condition &= reduce(or_, (_build_length_condition(length) for length in lengths))
    if filters.sounds:
        condition &= Q(has_sound__in=[SOUNDS[name] for name in filters.sounds])
    if filters.is_starred:
        condition &= Q(starred_at__isnull=False)
    if filters.project_id:
        condition &= Q(project_id=filters.project_id)
    return condition


def _build_length_condition(length: LengthRange) -> Q:
    condition = Q(seconds__gte=length.first)
    return condition if length.last is None else condition & Q(seconds__lte=length.last)


def build_day_condition(filters: FilmFilters) -> Q:
    """The films of the days looked for."""
    condition = Q()
    if filters.since:
        condition &= Q(created_at__gte=get_local_day_start(filters.since))
    if filters.until:
        condition &= Q(created_at__lt=get_local_day_start(filters.until + timedelta(days=1)))
    return condition


def build_name_condition(filters: FilmFilters) -> Q:
    """The films that the whole text names: by their number, or by the task at EvoLink."""
    condition = Q(pk__in=[])
    number = parse_id(filters.text.removeprefix("#"))
    if number is not None:
        condition |= Q(pk=number)
    if len(filters.text) >= MIN_TASK_ID_LENGTH and " " not in filters.text:
        condition |= Q(task_id__begins=filters.text)
    return condition
