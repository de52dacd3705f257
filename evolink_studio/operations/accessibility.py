"""The page that says how the studio meets WCAG 2.2, made of `docs/accessibility.md`."""

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


class Criterion(NamedTuple):
    """One row of the table."""

    name: str
    level: str
    means: str
    test: str


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """The table, in English, for everybody. No query."""
    return render(request, "operations/accessibility.html", {"criteria": list_criteria()})


@cache
def list_criteria() -> tuple[Criterion, ...]:
    """The rows of the document's table, in its order."""
    text = (settings.ROOT / "docs" / "accessibility.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    return tuple(
        Criterion(*(cell.strip().replace("`", "") for cell in line.strip("|").split("|")))
        for line in lines
    )
