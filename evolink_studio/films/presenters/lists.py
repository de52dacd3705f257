"""Collections, projects and the trash as their pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_label
from evolink_studio.core.formatting import format_credits, format_size
from evolink_studio.films import models
from evolink_studio.films.trash import TRASH_LIFETIME
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import ProjectUsage
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import PosterUrls, build_poster_urls
from evolink_studio.projects.models import Project

_NO_USAGE = ProjectUsage()


def describe_film_count(count: int) -> str:
    """12 films."""
    return ngettext("{n} film", "{n} films", count).format(n=count)


@dataclass(frozen=True)
class CollectionItem:
    """A collection, how many films it holds and the posters of the newest."""

    pk: int
    name: str
    count_text: str
    films_url: str
    posters: Sequence[PosterUrls]


def present_collections(
    collections: Sequence[models.Collection],
    counts: Mapping[int, int],
    assets: Mapping[int, Sequence[Asset]],
) -> list[CollectionItem]:
    """`counts` and `assets` are by the collection's number."""
    return [
        CollectionItem(
            pk=collection.pk,
            name=collection.name,
            count_text=describe_film_count(counts.get(collection.pk, 0)),
            films_url=f"{reverse('films')}?collection={collection.pk}",
            posters=[build_poster_urls(asset) for asset in assets.get(collection.pk, ())],
        )
        for collection in collections
    ]


@dataclass(frozen=True)
class ProjectItem:
    """A project and what was made for it: by this person, and by everybody where it is theirs.

    Texts are "" where they would say the same again.
    """

    project: Project
    is_own: bool
    films_url: str
    count_text: str
    month_text: str
    total_text: str
    everybody_text: str


def present_projects(
    user: User,
    projects: Sequence[Project],
    own_usage: Mapping[int, ProjectUsage],
    shared_usage: Mapping[int, ProjectUsage],
) -> list[ProjectItem]:
    """`own_usage` is what the person made; `shared_usage` what everybody did."""
    items = []
    for project in projects:
        usage = own_usage.get(project.pk, _NO_USAGE)
        everybody = shared_usage.get(project.pk, _NO_USAGE)
        items.append(
            ProjectItem(
                project=project,
                is_own=project.owner_id == user.pk,
                films_url=f"{reverse('films')}?project={project.pk}",
                count_text=describe_film_count(usage.film_count),
                month_text=_format_amount(usage.charged_this_month),
                total_text=_format_amount(usage.charged),
                everybody_text="" if everybody in (usage, _NO_USAGE) else _describe(everybody),
            )
        )
    return items


def _format_amount(amount: Decimal) -> str:
    return _("{n} credits").format(n=format_credits(amount))


def _describe(usage: ProjectUsage) -> str:
    return _("Everybody: {films}, {month} credits this month, {total} in all").format(
        films=describe_film_count(usage.film_count),
        month=format_credits(usage.charged_this_month),
        total=format_credits(usage.charged),
    )


@dataclass(frozen=True)
class TrashItem:
    """A film in the trash, how large it is and how long it stays there."""

    id: int
    title: str
    model_label: str
    trashed_at: datetime
    days_text: str
    size_text: str
    posters: PosterUrls | None


def present_trash(films: Sequence[Generation], *, now: datetime) -> list[TrashItem]:
    """Needs the films' results with their assets."""
    return [_present_trashed(film, now) for film in films]


def _present_trashed(film: Generation, now: datetime) -> TrashItem:
    assets = [result.asset for result in film.results.all()]
    trashed_at = film.trashed_at or now
    days = max(0, -(-(trashed_at + TRASH_LIFETIME - now) // timedelta(days=1)))
    return TrashItem(
        id=film.pk,
        title=film.title or film.prompt or f"#{film.pk}",
        model_label=_(get_label(film.model_id)),
        trashed_at=trashed_at,
        days_text=ngettext("{n} day left", "{n} days left", days).format(n=days)
        if days
        else _("Emptied today, unless something needs it"),
        size_text=format_size(sum(asset.size_bytes for asset in assets)) if assets else "",
        posters=build_poster_urls(assets[0]) if assets else None,
    )
