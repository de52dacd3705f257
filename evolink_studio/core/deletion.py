"""What keeps a row from being deleted: for one, the rows that stand on it, counted."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import CASCADE, PROTECT, RESTRICT, ForeignObjectRel, Model
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

MAX_COUNT = 1000  # beyond it "more than" says enough, and costs no walk through a large table
MAX_DEPTH = 3


@dataclass(frozen=True)
class DeletionObstacle:
    """Rows of one kind that stand on it, or without a `count` another reason, as a sentence.

    `count` is at most MAX_COUNT + 1.
    """

    label: str
    count: int | None = None

    @property
    def text(self) -> str:
        """The reason; of rows their name and number, or that there are more than MAX_COUNT."""
        if self.count is None:
            return self.label
        number = number_format(min(self.count, MAX_COUNT), force_grouping=True)
        count_text = _("more than {n}").format(n=number) if self.count > MAX_COUNT else number
        return f"{self.label}: {count_text}"


def find_deletion_obstacles(row: Model) -> list[DeletionObstacle]:
    """Every kind of row that protects it, also through rows that would be deleted with it.

    One query for each relation, however many rows there are.
    """
    counts: dict[str, int] = {}
    for label, model, path in _walk_protected(type(row), "", 0):
        rows = model._default_manager.filter(**{path: row.pk}).order_by()
        count = len(rows.values_list("pk", flat=True)[: MAX_COUNT + 1])
        if count:
            counts[label] = max(count, counts.get(label, 0))
    return [DeletionObstacle(label, count) for label, count in counts.items()]


def _walk_protected(
    model: type[Model], path: str, depth: int
) -> Iterator[tuple[str, type[Model], str]]:
    """(name, model, lookup of the first row) of every protecting relation."""
    if depth == MAX_DEPTH:
        return
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.many_to_many:
            continue
        child, on_delete = relation.related_model, relation.on_delete
        if not isinstance(child, type) or child is model:
            continue
        child_path = f"{relation.field.name}__{path}" if path else relation.field.name
        if on_delete in (PROTECT, RESTRICT):
            yield str(capfirst(child._meta.verbose_name_plural)), child, child_path
        elif on_delete is CASCADE:
            yield from _walk_protected(child, child_path, depth + 1)
