"""Filters of the generation list."""

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import ModelAdmin, SimpleListFilter, site
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import CheckboxFilter, RangeDateFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm
from unfold.widgets import INPUT_CLASSES

from evolink_studio.catalog import SPECS
from evolink_studio.generations.incidents import (
    INCIDENT_TYPE_BY_NAME,
    INCIDENT_TYPES,
    build_incident_filter,
)
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import build_day_range_filter

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

GenerationQuerySet = QuerySet[Generation]
Choices = list[tuple[str, str]]


def list_model_choices() -> Choices:
    """(id, label) of every AI model, in the order of the catalogue."""
    return [(spec.id, spec.label) for spec in SPECS.values()]


def build_date_input(label: "StrOrPromise") -> forms.DateInput:
    """The browser's own date picker, named for a screen reader."""
    classes = " ".join(INPUT_CLASSES)
    return forms.DateInput(
        format="%Y-%m-%d", attrs={"type": "date", "class": classes, "aria-label": label}
    )


class PersonSelect(AutocompleteSelect):
    """A person, looked up by a piece of a name as in the filters of the lists: of any number."""

    def __init__(self) -> None:
        owner = Generation._meta.get_field("owner")
        super().__init__(owner, site, attrs={"class": "unfold-filter-autocomplete"})

    @property
    def media(self) -> forms.Media:
        files = AutocompleteDropdownForm.Media
        return forms.Media(js=files.js, css=files.css)


class ModelFilter(CheckboxFilter):  # type: ignore[misc]  # unfold has no types
    """By AI model, without a query for those in use."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Generation]") -> Choices:
        known_choices = list_model_choices()
        unknown_ids = [name for name in request.GET.getlist("model") if name not in SPECS]
        return [*known_choices, *((name, name) for name in unknown_ids)]

    def queryset(self, request: HttpRequest, queryset: GenerationQuerySet) -> GenerationQuerySet:
        return queryset.filter(model_id__in=self.value()) if self.value() else queryset


class IncidentFilter(CheckboxFilter):  # type: ignore[misc]  # unfold has no types
    """By incident type."""

    title = _("reason to look")
    parameter_name = "look"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Generation]") -> Choices:
        return [(incident_type.name, str(incident_type.label)) for incident_type in INCIDENT_TYPES]

    @property
    def narrow_condition(self) -> Q | None:
        """Few fit: they are found first."""
        if not self.value():
            return None
        if not set(self.value()) <= INCIDENT_TYPE_BY_NAME.keys():
            raise IncorrectLookupParameters
        incident_types = [INCIDENT_TYPE_BY_NAME[name] for name in self.value()]
        return build_incident_filter(incident_types, timezone.now())

    def queryset(self, request: HttpRequest, queryset: GenerationQuerySet) -> GenerationQuerySet:
        condition = self.narrow_condition
        return queryset if condition is None else queryset.filter(condition)


class HeldFilter(SimpleListFilter):
    """Those for which the ledger reserves credits now."""

    title = _("reserved credits")
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Generation]") -> Choices:
        return [("1", str(_("reserved now")))]

    @property
    def narrow_condition(self) -> Q | None:
        """Few fit: they are found first."""
        return Q(credits_held__isnull=False) if self.value() == "1" else None

    def queryset(self, request: HttpRequest, queryset: GenerationQuerySet) -> GenerationQuerySet:
        if self.narrow_condition is None:
            return queryset
        # By their index. SQLite would walk the whole list to find them.
        held_rows = Generation.objects.filter(self.narrow_condition)
        return queryset.filter(pk__in=held_rows.order_by().values("pk"))


class DateRangeForm(forms.Form):
    """First and last day."""

    def __init__(self, name: str, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        for end, label in (("from", _("From")), ("to", _("To"))):
            self.fields[f"{name}_{end}"] = forms.DateField(
                label="", required=False, widget=build_date_input(label)
            )


class DateRangeFilter(RangeDateFilter):  # type: ignore[misc]  # unfold has no types
    """By days (UTC), both included. Unfold's own filter would leave the last day out."""

    form_class = DateRangeForm
    template = "generations/admin/_date_filter.html"

    def __init__(
        self,
        field: Field[Any, Any],
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: ModelAdmin[Any],
        field_path: str,
    ) -> None:
        # The query parameters are `created_from` and `created_to`, not `created_at_from`.
        self._column = field_path
        super().__init__(field, request, params, model, model_admin, field_path.removesuffix("_at"))

    def queryset(self, request: HttpRequest, queryset: GenerationQuerySet) -> GenerationQuerySet:
        return queryset.filter(
            build_day_range_filter(self._column, self._parse_day("from"), self._parse_day("to"))
        )

    def _parse_day(self, end: str) -> date | None:
        text = self.used_parameters.get(f"{self.parameter_name}_{end}")
        if not text:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None:
            # Ignoring a malformed day would show wrong totals.
            raise IncorrectLookupParameters
        return day
