"""The lines of generations in a file: one a generation, the newest first."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from evolink_studio.accounts.models import User
from evolink_studio.core.csv_export import (
    CellFormat,
    StoredMoment,
    format_moment,
    format_rows,
    format_text,
)
from evolink_studio.credits.fields import as_units, format_units
from evolink_studio.exports.sources import ExportRows, ExportSource, RowBatch
from evolink_studio.generations.usage_report import (
    UsageFilter,
    filter_generations,
    label_projects,
)

# Scripts read these names: they stay. "reserved" and "charged" are those of every page.
HEADER = (
    "id",
    "created",
    "finished",
    "person",
    "model_id",
    "state",
    "charge",
    "estimated",
    "reserved",
    "charged",
    "task_id",
    "error_code",
    "prompt",
    "reserved_by_evolink",
    "project",
)


def build_usage_rows(usage_filter: UsageFilter) -> ExportRows:
    """What the usage page counts, as lines."""
    usernames: dict[int, str] = {}
    projects: dict[int | None, str] = {None: ""}
    columns: tuple[tuple[Any, CellFormat], ...] = (
        ("pk", None),
        (StoredMoment("created_at"), format_moment),
        (StoredMoment("finished_at"), format_moment),
        ("owner_id", usernames.__getitem__),
        ("model_id", format_text),
        ("state", None),
        ("charge", None),
        (as_units("credits_estimated"), format_units),
        (as_units("credits_held"), format_units),
        (as_units("credits_charged"), format_units),
        ("task_id", format_text),
        ("error_code", format_text),
        ("prompt", format_text),
        (as_units("credits_reserved"), format_units),
        ("project_id", projects.__getitem__),
    )
    expressions, formats = zip(*columns, strict=True)

    def format_batch(rows: "QuerySet[Any]") -> RowBatch:
        # Names are looked up: with a join, SQLite reads person by person and sorts everything.
        cells = list(rows.values_list(*expressions))
        _add_usernames(usernames, {row[3] for row in cells})
        _add_projects(projects, {row[-1] for row in cells})
        return RowBatch(len(cells), format_rows(cells, formats))

    return ExportRows(
        header=HEADER,
        rows=filter_generations(usage_filter),
        order=("-created_at", "-id"),
        walk_key="-created_at",
        format_batch=format_batch,
    )


def _add_usernames(usernames: dict[int, str], user_ids: Iterable[int]) -> None:
    if unknown_ids := [user_id for user_id in user_ids if user_id not in usernames]:
        rows = User.objects.filter(pk__in=unknown_ids).values_list("pk", "username")
        usernames.update((user_id, format_text(username)) for user_id, username in rows)


def _add_projects(projects: dict[int | None, str], project_ids: set[int | None]) -> None:
    if unknown_ids := [pk for pk in project_ids if pk is not None and pk not in projects]:
        labels = label_projects(unknown_ids)
        projects.update((pk, format_text(labels[pk])) for pk in unknown_ids)


def build_filename(query: str) -> str:
    """Named by its period."""
    period = QueryDict(query)
    return f"usage-{period.get('created_from')}-{period.get('created_to')}.csv"


USAGE_EXPORT = ExportSource(
    name="usage",
    label=_("Usage"),
    page_url_name="admin:generations_usage",
    builder="evolink_studio.generations.admin.usage_page.build_usage_export",
    build_filename=build_filename,
)
