"""The films page as its template shows it: tiles under their days, filters with their counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.core.calendar import get_local_day
from evolink_studio.films import queries
from evolink_studio.films.film_list import FilmCount, FilmList
from evolink_studio.films.filters import EVERYBODY, LENGTHS, TABS, FilmFilters, FilmTab
from evolink_studio.generations.film_facts import COMMON_RATIOS, find_nearest_ratio
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import QueuePosition
from evolink_studio.generations.presenters.cards import GalleryItem, present_gallery_item
from evolink_studio.generations.queries import SHOWN_RESULTS_LIMIT
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls

DEFAULT_RATIO = "16:9"
MAX_CHIP_TEXT = 40
ROW_REM, PHONE_ROW_REM = 14, 10.5  # about the height of a row, as films.css lets it grow


# --- Films ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FilmTile:
    """One film of the list. `day_text` is "" where the film before it is of the same day.

    `ratio` is one of COMMON_RATIOS, the shape of the tile; `input_url` shows a picture it was to
    be made of.
    """

    item: GalleryItem
    url: str
    name: str
    ratio: str
    poster_sizes: str
    day_text: str
    time_text: str
    full_time_text: str
    is_starred: bool
    results_text: str
    take_text: str
    input_url: str
    owner_text: str


def present_films(
    films: Sequence[Generation],
    *,
    filters: FilmFilters,
    now: datetime,
    positions: Mapping[int, QueuePosition],
    takes: Mapping[int, tuple[int, int]],
    others: Mapping[int, str],
    last_day: date | None = None,
) -> list[FilmTile]:
    """Prepare the tiles. No query, if results and inputs are prefetched.

    `last_day` is that of the film before the first one; `others`: names of other people,
    whose films are shown to a superuser without their pictures, and lead to the admin page.
    """
    tiles = []
    list_query = filters.build_query()
    for film in films:
        created_at = localtime(film.created_at)
        day = created_at.date()
        item = present_gallery_item(film, now=now, positions=positions)
        take = takes.get(film.pk)
        tiles.append(
            FilmTile(
                item=item,
                url=film.get_admin_url()
                if film.owner_id in others
                else _build_film_url(film, list_query),
                name=film.title or item.prompt or item.model_label,
                ratio=(ratio := _find_ratio(film)),
                poster_sizes=_build_poster_sizes(ratio),
                day_text="" if day == last_day else format_day(day, now),
                time_text=date_format(created_at, "H:i"),
                full_time_text=f"{date_format(created_at, 'DATE_FORMAT')}, "
                f"{date_format(created_at, 'H:i T')}",
                is_starred=film.starred_at is not None,
                results_text=_format_results(len(item.videos), film),
                take_text=_("take {number} of {count}").format(number=take[0], count=take[1])
                if take
                else "",
                input_url=_find_input_url(film),
                owner_text=others.get(film.owner_id, ""),
            )
        )
        last_day = day
    return tiles


def format_day(day: date, now: datetime) -> str:
    """Today, Yesterday, else the day of the week and the date. Days are those of whoever looks."""
    today = get_local_day(now)
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return f"{date_format(day, 'l')}, {date_format(day, 'DATE_FORMAT')}"


def _build_film_url(film: Generation, list_query: str) -> str:
    url = reverse("film", args=[film.pk])
    return f"{url}?{urlencode({'in': list_query})}" if list_query else url


def _find_ratio(film: Generation) -> str:
    """That of the first result, as the tile shows it; else as asked for."""
    if film.state == State.COMPLETED:
        result = next(iter(film.results.all()), None)
        if result is not None and result.asset.width and result.asset.height:
            return find_nearest_ratio(result.asset.width, result.asset.height)
    return film.ratio if film.ratio in COMMON_RATIOS else DEFAULT_RATIO


def _build_poster_sizes(ratio: str) -> str:
    """For `sizes` of a poster: its longest side, as `tile_srcset` counts, in a usual row."""
    share = max(float(COMMON_RATIOS[ratio]), 1)
    return f"(width < 48rem) {PHONE_ROW_REM * share:.1f}rem, {ROW_REM * share:.1f}rem"


def _format_results(count: int, film: Generation) -> str:
    if count < 2:
        return ""
    has_more = len(film.results.all()) > SHOWN_RESULTS_LIMIT
    return _("{count} results").format(count=f"{count}+" if has_more else count)


def _find_input_url(film: Generation) -> str:
    """Nothing for a kept film, whose own poster is shown."""
    if "inputs" not in getattr(film, "_prefetched_objects_cache", {}):
        return ""
    inputs = sorted(film.inputs.all(), key=lambda asset: (asset.kind != Asset.Kind.IMAGE, asset.pk))
    urls = (build_poster_urls(asset).small for asset in inputs)
    return next((url for url in urls if url), "")


# --- Filters --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TabLink:
    """A tab with its count under the present filters."""

    tab: FilmTab
    url: str
    count_text: str
    is_current: bool
    has_films: bool


@dataclass(frozen=True)
class FilterOption:
    """A value of a filter; `count_text` is "" where nobody counted."""

    value: str
    label: str
    count_text: str
    is_checked: bool


@dataclass(frozen=True)
class FilterGroup:
    """The values of one filter, `parameter` in the address. `is_single`: one of them at a time."""

    parameter: str
    label: str
    options: Sequence[FilterOption]
    is_single: bool = False


@dataclass(frozen=True)
class FilterChip:
    """A filter that narrows the list; the link leaves it out."""

    label: str
    url: str


@dataclass(frozen=True)
class Blame:
    """A filter without which there would be films."""

    label: str
    url: str
    count_text: str


@dataclass(frozen=True)
class FilterNames:
    """What the numbers in an address are called, by number."""

    tags: Mapping[int, str]
    collections: Mapping[int, str]
    projects: Mapping[int, str]
    batches: Mapping[int, str]
    people: Mapping[int, str]


def load_filter_names(films: FilmList) -> FilterNames:
    """Three queries, for a superuser four; another for a batch that is looked for."""
    used_projects = {key.project_key for key in films.facet_counts} - {0}
    return FilterNames(
        tags=queries.list_tags(films.user),
        collections=queries.list_collections(films.user),
        projects=queries.list_projects(films.user, used_projects, films.filters.project_id),
        batches=_load_batch_name(films),
        people=queries.list_people() if films.user.is_superuser else {},
    )


def _load_batch_name(films: FilmList) -> dict[int, str]:
    """That of the batch looked for, alone: of a person's batches there may be thousands."""
    batch_id = films.filters.batch_id
    if batch_id is None:
        return {}
    title = queries.get_batch_title(films.owner_id, batch_id)
    return {batch_id: title or _("Batch {number}").format(number=batch_id)}


def format_count(count: FilmCount) -> str:
    """1 000+ for what was counted no further."""
    return number_format(count.number, force_grouping=True) + ("+" if count.is_more else "")


def format_film_count(count: FilmCount) -> str:
    """42 films."""
    return ngettext("{n} film", "{n} films", count.number).format(n=format_count(count))


def present_tabs(films: FilmList) -> list[TabLink]:
    """Prepare the tabs. At most two queries for each."""
    links = []
    for tab in TABS.values():
        filters = films.filters.on_tab(tab.name)
        count = FilmList(films.user, filters, like=films).count()
        is_current = tab.name == films.filters.tab
        links.append(
            TabLink(tab, filters.build_url(), format_count(count), is_current, bool(count))
        )
    return links


def present_groups(films: FilmList, names: FilterNames) -> list[FilterGroup]:
    """Prepare what can be chosen: only what this person's films have. No query."""
    filters = films.filters
    groups = [
        _present_facet(films, "model_ids", "model", _("Model"), _label_model),
        _present_facet(films, "ratios", "ratio", _("Ratio"), str, order=list(COMMON_RATIOS)),
        _present_facet(films, "lengths", "length", _("Length"), _label_length, order=list(LENGTHS)),
        _present_facet(films, "sounds", "sound", _("Sound"), _label_sound),
        FilterGroup(
            "project",
            _("Project"),
            _present_projects(films, names),
            is_single=True,
        ),
        FilterGroup(
            "collection",
            _("Collection"),
            _present_named(names.collections, {filters.collection_id}),
            is_single=True,
        ),
        FilterGroup(
            "batch",
            _("Batch"),
            _present_named(names.batches, {filters.batch_id}),
            is_single=True,
        ),
        FilterGroup("tag", _("Tag"), _present_named(names.tags, set(filters.tag_ids))),
        FilterGroup("person", _("Person"), _present_people(names, filters), is_single=True),
    ]
    return [group for group in groups if group.options]


def _present_facet(
    films: FilmList,
    field: str,
    parameter: str,
    label: str,
    label_value: Callable[[str], str],
    order: Sequence[str] = (),
) -> FilterGroup:
    counts = films.count_options(field)
    chosen = getattr(films.filters, field)
    for value in chosen:
        counts.setdefault(value, None)
    values = [value for value in counts if value]
    if order:
        values.sort(key=lambda value: order.index(value) if value in order else len(order))
    else:
        values.sort(key=lambda value: (-(counts[value] or 0), value))
    options = [
        FilterOption(value, label_value(value), _format_option(counts[value]), value in chosen)
        for value in values
    ]
    return FilterGroup(parameter, label, options)


def _present_projects(films: FilmList, names: FilterNames) -> list[FilterOption]:
    counts = films.count_options("project_id")
    return [
        FilterOption(str(pk), name, _format_option(counts.get(pk)), pk == films.filters.project_id)
        for pk, name in names.projects.items()
    ]


def _present_named(names: Mapping[int, str], chosen: set[int | None]) -> list[FilterOption]:
    return [FilterOption(str(pk), name, "", pk in chosen) for pk, name in names.items()]


def _present_people(names: FilterNames, filters: FilmFilters) -> list[FilterOption]:
    if not names.people:
        return []
    people = [FilterOption(EVERYBODY, _("Everybody"), "", filters.person == EVERYBODY)]
    return [
        *people,
        *(
            FilterOption(str(pk), name, "", filters.person == str(pk))
            for pk, name in names.people.items()
        ),
    ]


def _format_option(count: int | None) -> str:
    return "" if count is None else number_format(count, force_grouping=True)


def present_starred_count(films: FilmList) -> str:
    """How many of the films are starred; "" where nobody counted. No query."""
    return _format_option(films.count_options("is_starred").get(True))


def present_chips(films: FilmList, names: FilterNames) -> list[FilterChip]:
    """Prepare a chip for each value that narrows the list. No query."""
    filters = films.filters
    return [
        FilterChip(Truncator(label).chars(MAX_CHIP_TEXT), url)
        for name in filters.active_names
        for label, url in _list_chips(filters, name, names)
    ]


def _list_chips(filters: FilmFilters, name: str, names: FilterNames) -> list[tuple[str, str]]:
    value = getattr(filters, name)
    values = value if isinstance(value, tuple) else (value,)
    return [
        (_label_filter(name, item, names), filters.without_value(name, item).build_url())
        for item in values
    ]


def present_blame(films: FilmList, names: FilterNames) -> list[Blame]:
    """Prepare what keeps a list empty. At most four queries for each filter."""
    return [
        Blame(
            label=", ".join(label for label, _url in _list_chips(films.filters, name, names)),
            url=films.filters.without(name).build_url(),
            count_text=format_film_count(count),
        )
        for name, count in queries.find_blame(films)
    ]


def _label_filter(name: str, value: object, names: FilterNames) -> str:
    labels = {
        "text": lambda: _("“{text}”").format(text=value),
        "model_ids": lambda: _label_model(str(value)),
        "lengths": lambda: _label_length(str(value)),
        "sounds": lambda: _label_sound(str(value)),
        "is_starred": lambda: _("Starred"),
        "tag_ids": lambda: f"#{_find_name(names.tags, value)}",
        "collection_id": lambda: _find_name(names.collections, value),
        "project_id": lambda: _find_name(names.projects, value),
        "batch_id": lambda: _find_name(names.batches, value),
        "since": lambda: _("from {day}").format(day=_format_date(value)),
        "until": lambda: _("until {day}").format(day=_format_date(value)),
    }
    return labels[name]() if name in labels else str(value)


def _find_name(names: Mapping[int, str], value: object) -> str:
    return names.get(value, f"№ {value}") if isinstance(value, int) else ""


def _format_date(value: object) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if isinstance(value, date) else ""


def _label_model(model_id: str) -> str:
    spec = SPECS.get(model_id)
    return str(spec.label) if spec else model_id


def _label_length(name: str) -> str:
    length = LENGTHS[name]
    if length.last is None:
        return _("over {n} s").format(n=length.first - 1)
    if not length.first:
        return _("up to {n} s").format(n=length.last)
    return _("{first} to {last} s").format(first=length.first, last=length.last)


def _label_sound(name: str) -> str:
    return _("With sound") if name == "with" else _("Without sound")
