"""The usage page: usage in a period by person, model, project and day, also as CSV."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_day, get_month_start
from evolink_studio.exports.presenters import list_announced
from evolink_studio.exports.responses import answer_export
from evolink_studio.exports.sources import ExportRows, InvalidQuery
from evolink_studio.generations.admin.filters import (
    PersonSelect,
    build_date_input,
    list_model_choices,
)
from evolink_studio.generations.admin.usage_charts import (
    MAX_TABLE_ROWS,
    build_chart,
    build_period_table,
    build_table,
    label_totals,
)
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_export import USAGE_EXPORT, build_usage_rows
from evolink_studio.generations.usage_report import (
    NO_PROJECT,
    UsageFilter,
    UsageReport,
    UsageRow,
    build_usage_report,
    label_projects,
    sum_usage_by_project,
)

MAX_PERIOD = timedelta(days=3660)
# The list's parameters for the period; its own `created_from` filters by creation.
LIST_PARAMETERS = {"created_from": "accounted_from", "created_to": "accounted_to"}
ANY_CHOICE = ("", gettext_lazy("All"))


class UsageForm(forms.Form):
    """The period, by days of `accounted_at`, and further filters."""

    created_from = forms.DateField(
        label=gettext_lazy("From"), widget=build_date_input(gettext_lazy("From"))
    )
    created_to = forms.DateField(
        label=gettext_lazy("To"), widget=build_date_input(gettext_lazy("To"))
    )
    owner__id__exact = forms.ModelChoiceField(
        User.objects.all(), label=gettext_lazy("Person"), required=False, widget=PersonSelect
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        choices=lambda: [ANY_CHOICE, *list_model_choices()],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    project = forms.IntegerField(
        label=gettext_lazy("Project"),
        min_value=NO_PROJECT,
        max_value=2**63 - 1,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    state__exact = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[ANY_CHOICE, *State.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned_data = super().clean()
        first, last = self.cleaned_data.get("created_from"), self.cleaned_data.get("created_to")
        if first and last and first > last:
            self.add_error("created_to", _("The last day is before the first."))
        elif first and last and last - first > MAX_PERIOD:
            self.add_error("created_from", _("Choose at most ten years."))
        return cleaned_data

    def offer_projects(self, rows: Sequence[UsageRow]) -> None:
        """Offer these projects, and the chosen one, which may have nothing in this period."""
        choices = {row.key: row.label for row in rows[:MAX_TABLE_ROWS]}
        chosen_id = self.cleaned_data["project"]
        if chosen_id is not None and str(chosen_id) not in choices:
            choices[str(chosen_id)] = label_projects([chosen_id]).get(chosen_id, str(chosen_id))
        self.fields["project"].widget.choices = [ANY_CHOICE, *choices.items()]

    def to_filter(self) -> UsageFilter:
        """The filter; call it only after `is_valid()`."""
        cleaned_data = self.cleaned_data
        user = cleaned_data["owner__id__exact"]
        return UsageFilter(
            first_day=cleaned_data["created_from"],
            last_day=cleaned_data["created_to"],
            owner_id=user.pk if user else None,
            model_ids=[model_id for model_id in [cleaned_data["model"]] if model_id],
            project_id=cleaned_data["project"],
            states=[state for state in [cleaned_data["state__exact"]] if state],
        )


def render_usage_page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponseBase:
    """The page, or with `as=csv` a file of rows. By default the last thirty days."""
    today = get_day(timezone.now())
    form = UsageForm({**_last_days(today, 30), **request.GET.dict()})
    is_valid = form.is_valid()
    form.fields["project"].widget.choices = [ANY_CHOICE]
    if is_valid and request.GET.get("as") == "csv":
        return answer_export(request, USAGE_EXPORT, _build_export_query(form))
    return TemplateResponse(
        request,
        "generations/admin/usage.html",
        {
            **context,
            "title": _("Usage"),
            "form": form,
            "periods": _period_links(request, today),
            "announced_exports": list_announced(request, USAGE_EXPORT),
            **(_report_context(form) if is_valid else {}),
        },
    )


def build_usage_export(user: User, query: str) -> ExportRows:
    """The generations that the page counts for this query string. Raises InvalidQuery."""
    form = UsageForm(QueryDict(query))
    if not form.is_valid():
        raise InvalidQuery(query)
    return build_usage_rows(form.to_filter())


def _build_export_query(form: UsageForm) -> str:
    """All that the form says, also what it filled in."""
    return urlencode({name: form.data[name] for name in form.fields if form.data.get(name)})


def _report_context(form: UsageForm) -> dict[str, object]:
    usage_filter = form.to_filter()
    report: UsageReport = build_usage_report(usage_filter)
    is_of_project = usage_filter.project_id is not None
    form.offer_projects(
        sum_usage_by_project(usage_filter) if is_of_project else report.project_rows
    )
    filters = {name: form.data[name] for name in form.fields if form.data.get(name)}
    usage_url = reverse("admin:generations_usage")
    # The list has no filter by project: its index would be one more to write for each generation.
    # What is inside of one is looked into on this page, and its rows are in the file.
    names = {} if is_of_project else LIST_PARAMETERS
    list_filters = {names.get(name, name): value for name, value in filters.items()}
    list_url = usage_url if is_of_project else reverse("admin:generations_generation_changelist")
    return {
        "totals": label_totals(report.totals),
        "chart": build_chart(report.periods, is_monthly=report.is_monthly),
        "users": build_table(
            report.user_rows, _("Person"), list_url, list_filters, "owner__id__exact"
        ),
        "models": build_table(report.model_rows, _("Model"), list_url, list_filters, "model"),
        "projects": build_table(report.project_rows, _("Project"), usage_url, filters, "project"),
        "days": build_period_table(
            report.periods,
            list_url,
            list_filters,
            (names.get("created_from", "created_from"), names.get("created_to", "created_to")),
            is_monthly=report.is_monthly,
        ),
        "rows_url": "" if is_of_project else f"{list_url}?{urlencode(list_filters)}",
        "csv_url": f"?{urlencode({**filters, 'as': 'csv'})}",
    }


def _last_days(today: date, days: int) -> dict[str, str]:
    return _period_query(today - timedelta(days=days - 1), today)


def _period_query(first: date, last: date) -> dict[str, str]:
    return {"created_from": first.isoformat(), "created_to": last.isoformat()}


def _period_links(request: HttpRequest, today: date) -> list[tuple[str, str]]:
    """Preset periods as (label, URL); other filters stay."""
    month = get_month_start(today)
    last_month = month - timedelta(days=1)
    other_params = {name: value for name, value in request.GET.dict().items() if name != "as"}
    presets = (
        (_("Last 7 days"), _last_days(today, 7)),
        (_("Last 30 days"), _last_days(today, 30)),
        (_("This month"), _period_query(month, today)),
        (_("Last month"), _period_query(get_month_start(last_month), last_month)),
        (_("This year"), _period_query(today.replace(month=1, day=1), today)),
    )
    return [(label, f"?{urlencode({**other_params, **period})}") for label, period in presets]
