"""What is entered about a cut: its films in order, and what is taken of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.core.database import parse_id
from evolink_studio.films.cuts import (
    MAX_PARTS,
    MAX_SECONDS,
    MAX_TITLE_CHARACTERS,
    MIN_PART_SECONDS,
    CutPart,
)
from evolink_studio.generations.models import GeneratedVideo

_TOLERANCE = Decimal("0.05")  # that a player may be beyond the end of a film


class CutForm(forms.Form):
    """What the cut is called."""

    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=MAX_TITLE_CHARACTERS, required=False
    )


class PartForm(forms.Form):
    """Which part of a film. Empty: from its beginning, to its end."""

    begin = forms.DecimalField(
        label=gettext_lazy("In"), min_value=0, max_digits=9, decimal_places=3, required=False
    )
    end = forms.DecimalField(
        label=gettext_lazy("Out"), min_value=0, max_digits=9, decimal_places=3, required=False
    )

    def __init__(self, *args: Any, seconds: Decimal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seconds = seconds

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        begin = data["begin"] or Decimal(0)
        end = self.seconds if data["end"] is None else data["end"]
        if end > self.seconds + _TOLERANCE:
            self.add_error(
                "end", _("The film ends at {n} s.").format(n=number_format(self.seconds))
            )
        elif min(end, self.seconds) - begin < MIN_PART_SECONDS:
            self.add_error(
                "end",
                _("It must come at least {n} s after the in point.").format(
                    n=number_format(MIN_PART_SECONDS)
                ),
            )
        return {"begin": begin, "end": min(end, self.seconds)}


@dataclass(frozen=True)
class DraftPart:
    """A row of the editor."""

    result: GeneratedVideo
    form: PartForm

    @property
    def seconds(self) -> Decimal:
        """As far as it can be read; else 0."""
        if not self.form.is_valid():
            return Decimal(0)
        length: Decimal = self.form.cleaned_data["end"] - self.form.cleaned_data["begin"]
        return length

    def build_part(self) -> CutPart:
        """Of a valid row."""
        return CutPart(asset_id=self.result.asset_id, **self.form.cleaned_data)


def read_film_ids(text: str) -> list[int]:
    """The numbers of films in an address: "3,1,3". What is none is left out."""
    return [pk for piece in text.split(",")[:MAX_PARTS] if (pk := parse_id(piece.strip()))]


def build_new_rows(film_ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """(film, in point, out point) of films that are taken whole."""
    return [(pk, "", "") for pk in film_ids]


def build_rows_again(
    parts: Sequence[Mapping[str, Any]],
    results: Mapping[int, GeneratedVideo],
    cuttable: Mapping[int, GeneratedVideo],
) -> tuple[list[tuple[int, str, str]], list[int]]:
    """The rows of an earlier cut, and the pks of the files that it can no longer have.

    `results`: the films of its parts by the pk of their file; `cuttable` by the pk of the film.
    """
    rows, lost_assets = [], []
    for part in parts:
        result = results.get(part["asset"])
        film = cuttable.get(result.generation_id) if result else None
        if film is None or film.asset_id != part["asset"]:
            lost_assets.append(part["asset"])
            continue
        begin, end = _read_second(part.get("from")), _read_second(part.get("to"))
        is_to_end = end is None or (film.asset.seconds is not None and end >= film.asset.seconds)
        rows.append(
            (film.generation_id, _write_second(begin), _write_second(None if is_to_end else end))
        )
    return rows, list(dict.fromkeys(lost_assets))


def _read_second(value: object) -> Decimal | None:
    """A stored time; None for anything else, and for the very beginning."""
    is_time = isinstance(value, int | float) and 0 < value <= MAX_SECONDS
    return Decimal(str(value)).quantize(Decimal("0.001")) if is_time else None


def _write_second(second: Decimal | None) -> str:
    return "" if second is None else f"{second:f}".rstrip("0").rstrip(".")


def read_rows(data: QueryDict) -> list[tuple[int, str, str]]:
    """(film, in point, out point) as posted, with what the pressed button does to them.

    `do` is up, down, copy or remove with the number of a row, or add with that of a film.
    """
    begins, ends = data.getlist("begin"), data.getlist("end")
    rows = [
        (parse_id(film) or 0, begin, end)
        for film, begin, end in zip(data.getlist("film"), begins, ends, strict=False)
    ][: MAX_PARTS + 1]
    action, _colon, number_text = data.get("do", "").partition(":")
    number = parse_id(number_text)
    if number is None:
        return rows
    if action == "add":
        return [*rows, (number, "", "")]
    if number >= len(rows):
        return rows
    row = rows[number]
    if action == "copy":
        rows.insert(number, row)
    elif action == "remove":
        del rows[number]
    elif action in ("up", "down"):
        target = number - 1 if action == "up" else number + 1
        if 0 <= target < len(rows):
            rows[number], rows[target] = rows[target], row
    return rows


def build_draft(
    rows: Sequence[tuple[int, str, str]], results: Mapping[int, GeneratedVideo]
) -> list[DraftPart]:
    """The rows whose film there is, with their forms."""
    return [
        DraftPart(
            results[film],
            PartForm(
                {"begin": begin, "end": end},
                seconds=results[film].asset.seconds or Decimal(0),
                auto_id=f"part-{number}-%s",
            ),
        )
        for number, (film, begin, end) in enumerate(rows)
        if film in results
    ]


def find_obstacle(draft: Sequence[DraftPart]) -> str:
    """Why the whole cannot be made; "" if it can, as far as its rows are right."""
    if not draft:
        return _("Choose at least one film.")
    if len(draft) > MAX_PARTS:
        return _("A cut has up to {n} parts. Take some out.").format(n=MAX_PARTS)
    if sum(part.seconds for part in draft) > MAX_SECONDS:
        return _("A cut may be up to {n} minutes long. Take less of the films.").format(
            n=MAX_SECONDS // 60
        )
    return ""
