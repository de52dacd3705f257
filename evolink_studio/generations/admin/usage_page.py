"""The usage page: what was used in a period, by person, by model and by day."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from evolink_studio.accounts.models import User
from evolink_studio.core.csv_export import csv_file
from evolink_studio.generations.admin.filters import day_input, model_choices
from evolink_studio.generations.admin.usage_charts import chart, named, span_table, table
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_report import Choice, Usage, chosen, usage

COLUMNS = (
    "id",
    "created",
    "finished",
    "owner__username",
    "model_id",
    "state",
    "charge",
    "estimated",
    "reserved",
    "used",
    "task_id",
    "error_code",
    "prompt",
)
HEAD = tuple("person" if name == "owner__username" else name for name in COLUMNS)
AT_ONCE = 2000


def usage_file(choice: Choice) -> StreamingHttpResponse:
    """One line for every generation of the choice, newest first; sent while it is read."""
    rows = chosen(choice).order_by("-created", "-id").values_list(*COLUMNS)
    name = f"usage-{choice.first}-{choice.last}.csv"
    return csv_file(name, HEAD, rows.iterator(chunk_size=AT_ONCE))


LONGEST = timedelta(days=3660)
ANY = ("", gettext_lazy("All"))


class UsageForm(forms.Form):
    """The period and what to narrow it to; named as the filters of the list are."""

    created_from = forms.DateField(
        label=gettext_lazy("From"), widget=day_input(gettext_lazy("From"))
    )
    created_to = forms.DateField(label=gettext_lazy("To"), widget=day_input(gettext_lazy("To")))
    owner__id__exact = forms.ModelChoiceField(
        User.objects.order_by("username"),
        label=gettext_lazy("Person"),
        empty_label=ANY[1],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        choices=lambda: [ANY, *model_choices()],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    state__exact = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[ANY, *State.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("created_from"), self.cleaned_data.get("created_to")
        if first and last and first > last:
            self.add_error("created_to", _("The last day is before the first."))
        elif first and last and last - first > LONGEST:
            self.add_error("created_from", _("Choose at most ten years."))
        return cleaned

    def choice(self) -> Choice:
        """What was chosen; only after `is_valid()`."""
        given = self.cleaned_data
        person = given["owner__id__exact"]
        return Choice(
            first=given["created_from"],
            last=given["created_to"],
            owner_id=person.pk if person else None,
            model_id=given["model"],
            state=given["state__exact"],
        )


def page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponseBase:
    """The page, or with `as=csv` the rows. An empty form means the last thirty days."""
    today = timezone.now().date()
    form = UsageForm({**_last(today, 30), **request.GET.dict()})
    valid = form.is_valid()
    if valid and request.GET.get("as") == "csv":
        return usage_file(form.choice())
    return TemplateResponse(
        request,
        "generations/admin/usage.html",
        {
            **context,
            "title": _("Usage"),
            "form": form,
            "periods": _periods(request, today),
            **(_found(form.choice(), form.data) if valid else {}),
        },
    )


def _found(choice: Choice, given: Mapping[str, Any]) -> dict[str, object]:
    found: Usage = usage(choice)
    narrowed = {name: given[name] for name in UsageForm.base_fields if given.get(name)}
    rows = reverse("admin:generations_generation_changelist")
    return {
        "totals": named(found.total),
        "chart": chart(found.spans, monthly=found.monthly),
        "people": table(found.people, _("Person"), rows, narrowed, "owner__id__exact"),
        "models": table(found.models, _("Model"), rows, narrowed, "model"),
        "days": span_table(found.spans, rows, narrowed, monthly=found.monthly),
        "rows_url": f"{rows}?{urlencode(narrowed)}",
        "csv_url": f"?{urlencode({**narrowed, 'as': 'csv'})}",
    }


def _last(today: date, days: int) -> dict[str, str]:
    return _period(today - timedelta(days=days - 1), today)


def _period(first: date, last: date) -> dict[str, str]:
    return {"created_from": first.isoformat(), "created_to": last.isoformat()}


def _periods(request: HttpRequest, today: date) -> list[tuple[str, str]]:
    """Usual periods as (words, address); what else is chosen stays."""
    month = today.replace(day=1)
    last_month = month - timedelta(days=1)
    kept = {name: value for name, value in request.GET.dict().items() if name != "as"}
    usual = (
        (_("Last 7 days"), _last(today, 7)),
        (_("Last 30 days"), _last(today, 30)),
        (_("This month"), _period(month, today)),
        (_("Last month"), _period(last_month.replace(day=1), last_month)),
        (_("This year"), _period(today.replace(month=1, day=1), today)),
    )
    return [(words, f"?{urlencode({**kept, **period})}") for words, period in usual]
