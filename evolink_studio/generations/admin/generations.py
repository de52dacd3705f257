"""The admin list of generations, the page of one, and the decisions of the owner."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesCheckboxFilter

from evolink_studio.accounts.models import User
from evolink_studio.core.admin import ReadOnlyAdmin, is_owner
from evolink_studio.core.database import parse_id
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.admin import ledger
from evolink_studio.generations import queries, resolutions
from evolink_studio.generations.admin import (
    columns,
    resolution_forms,
    task_lookups,
    usage_page,
)
from evolink_studio.generations.admin.actions import cancel_selected, refresh_selected
from evolink_studio.generations.admin.changelist import GenerationChangeList
from evolink_studio.generations.admin.columns import GenerationColumns
from evolink_studio.generations.admin.filters import (
    DateRangeFilter,
    HeldFilter,
    IncidentFilter,
    ModelFilter,
)
from evolink_studio.generations.admin.search import build_branches
from evolink_studio.generations.models import Generation, TaskLookup
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.states import REFRESHABLE_STATES, State

MAX_SHOWN_LOOKUPS = 5
MERGED_FILTERS = {"state__exact": "state", "charge__exact": "charge", "model": "model_id"}
NARROW_FILTERS = {**MERGED_FILTERS, "owner__id__exact": "owner"}


@admin.register(Generation)
class GenerationAdmin(GenerationColumns, ReadOnlyAdmin):
    """Read only, except for the decisions in `resolution_forms`."""

    list_display = (
        "thumbnail",
        "prompt_text",
        "owner",
        "model_label",
        "state_badge",
        "failure_text",
        "settings_text",
        "estimated_text",
        "reserved_text",
        "charged_text",
        "created_text",
        "elapsed_text",
    )
    list_filter = (
        IncidentFilter,
        ("state", ChoicesCheckboxFilter),
        ("charge", ChoicesCheckboxFilter),
        HeldFilter,
        ModelFilter,
        ("owner", AutocompleteSelectFilter),
        ("created_at", DateRangeFilter),
        ("accounted_at", DateRangeFilter),
    )
    list_filter_submit = True
    merged_filters = MERGED_FILTERS
    narrow_filters = NARROW_FILTERS
    # Filters show one person, model or state at a time, and what is reserved now.
    sortable_by = ("charged_text", "created_text")
    sorted_alone = ("charged_text",)
    filtered_sorting = frozenset(NARROW_FILTERS)
    list_fullwidth = True
    # Owners are prefetched: with a join, SQLite reads person by person and sorts
    # everything (measured: 3 s instead of 2 ms for a page of 1 000 000 rows).
    list_select_related = ()
    list_before_template = "generations/admin/_totals.html"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    search_fields = ("prompt",)  # shows the field; `build_search_branches` searches
    search_order = ("-pk",)  # newest first: in this order the index brings what it finds
    search_help_text = gettext_lazy("Words of a prompt, a number (#246), a person or a task id")
    actions = ("refresh_generations", "cancel_unsent")
    change_form_outer_before_template = "generations/admin/_summary.html"
    fieldsets = (
        (
            gettext_lazy("Who and what"),
            {
                "fields": (
                    ("owner_link", "model_label", "model_used"),
                    ("state_text", "last_status"),
                )
            },
        ),
        (
            gettext_lazy("Money"),
            {"fields": (("charge_label", "task_id"),)},
        ),
        (
            gettext_lazy("Times (UTC)"),
            {
                "fields": (
                    ("created_at", "sent_at", "accepted_at"),
                    ("progressed_at", "stalled_since", "next_attempt_at"),
                    ("finished_at", "elapsed_text", "attempts"),
                )
            },
        ),
        (
            gettext_lazy("Exactly as stored"),
            {
                "fields": (
                    "parameters",
                    "provider_reply",
                    "error_details",
                    "callback_log",
                    "result_url_list",
                    "results_expire_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        rows: QuerySet[Generation] = (
            super().get_queryset(request).defer("last_reply", "search_text")
        )
        return rows.prefetch_related(queries.build_results_prefetch(), "owner")

    def build_search_branches(self, text: str) -> list[Q]:
        return build_branches(text)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[GenerationChangeList]:
        return GenerationChangeList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        custom_urls = [
            path("usage/", view(self.usage_view), name="generations_usage"),
            path("rescue/", view(self.import_task_view), name="generations_rescue"),
            path("lookup/<int:pk>/", view(self.lookup_view), name="generations_lookup"),
            path("<int:pk>/settle/", view(self.resolve_view), name="generations_settle"),
        ]
        return [*custom_urls, *super().get_urls()]

    def usage_view(self, request: HttpRequest) -> HttpResponseBase:
        """Usage by person, model and day; `?as=csv` gives its rows as a file."""
        context = self.admin_site.each_context(request)
        return usage_page.render_usage_page(request, context)

    def resolve_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """POST: the owner decides. First the page shows what that changes, then it is done."""
        generation = Generation.objects.filter(pk=pk).first()
        if generation is None:
            raise Http404
        if request.method != "POST" or not is_owner(request):
            raise PermissionDenied
        try:
            if request.POST.get("decision") == "task":
                return self._look_up_task(request, generation)
            decision = resolution_forms.find_decision(generation, request.POST.dict())
            if "confirm" not in request.POST:
                return self._render_decision(request, generation, decision)
            with transaction.atomic():
                text = resolution_forms.carry_out(
                    generation, decision, _get_actor(request), timezone.now()
                )
                self.log_change(request, generation, text)
        except resolution_forms.ResolutionError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(generation.get_admin_url())

    def _render_decision(
        self,
        request: HttpRequest,
        generation: Generation,
        decision: resolution_forms.DecisionForm,
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": decision.type.title,
            "generation": generation,
            "decision": decision,
            "changes": resolution_forms.preview_decision(generation, decision),
            "hidden_fields": [
                (name, decision.form.data[name])
                for name in decision.form.fields
                if name in decision.form.data
            ],
            "note": decision.form.cleaned_data["note"],
        }
        return TemplateResponse(request, "generations/admin/decide.html", context)

    def _look_up_task(
        self, request: HttpRequest, generation: Generation | None
    ) -> HttpResponseRedirect:
        """Have the worker read the task that was named. Raises ResolutionError."""
        form = resolution_forms.TaskForm(request.POST)
        if not form.is_valid():
            raise resolution_forms.ResolutionError(
                " ".join(str(error) for error in form.errors["task_id"])
            )
        lookup = resolutions.request_lookup(
            task_id=form.cleaned_data["task_id"],
            generation=generation,
            actor=_get_actor(request),
            now=timezone.now(),
        )
        return HttpResponseRedirect(reverse("admin:generations_lookup", args=[lookup.pk]))

    def lookup_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What a named task is; POST links it, or imports it. It renews itself while it waits."""
        if not is_owner(request):
            raise PermissionDenied
        lookup = TaskLookup.objects.select_related("generation__owner").filter(pk=pk).first()
        if lookup is None:
            raise Http404
        context = task_lookups.build_lookup_context(
            lookup, request.POST.dict() if request.method == "POST" else None
        )
        form = context.get("form")
        if request.method == "POST" and form is not None and form.is_valid():
            try:
                return self._apply_lookup(request, lookup, form)
            except resolution_forms.ResolutionError as error:
                self.message_user(request, str(error), messages.ERROR)
                return HttpResponseRedirect(request.path)
        context |= self.admin_site.each_context(request)
        context["title"] = _("Task {task}").format(task=lookup.task_id)
        response = TemplateResponse(request, "generations/admin/lookup.html", context)
        if lookup.answered_at is None:
            response.headers["Refresh"] = str(task_lookups.REFRESH_SECONDS)
        return response

    def _apply_lookup(
        self, request: HttpRequest, lookup: TaskLookup, form: Form
    ) -> HttpResponseRedirect:
        is_import = lookup.generation is None
        with transaction.atomic():
            text = task_lookups.apply_lookup(lookup, form, _get_actor(request), timezone.now())
            generation = lookup.generation
            assert generation is not None
            log = self.log_addition if is_import else self.log_change
            log(request, generation, text)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(generation.get_admin_url())

    def import_task_view(self, request: HttpRequest) -> HttpResponseBase:
        """The owner names a task that no generation here has, to import its film."""
        if not is_owner(request):
            raise PermissionDenied
        form = resolution_forms.TaskForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._look_up_task(request, None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Bring in the film of a task"),
            "form": form,
        }
        return TemplateResponse(request, "generations/admin/import_task.html", context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        generation: Generation = context["original"]
        context |= {
            "card": present_card(generation, now=timezone.now()),
            "videos": columns.build_result_links(generation),
            "inputs": [
                columns.build_asset_links(asset) for asset in generation.inputs.order_by("pk")
            ],
            "can_refresh": generation.state in REFRESHABLE_STATES,
            "can_cancel": generation.state == State.QUEUED and is_owner(request),
            **(_build_decision_context(generation) if is_owner(request) else {}),
            "contradictions": generation.decisions.filter(needs_look=True),
            "estimated": format_credits(generation.credits_estimated),
            "reserved": format_credits(generation.credits_held),
            "charged": format_credits(generation.credits_charged),
            "ledger_rows": ledger.ledger_lines(generation.pk),
            "ledger_head": ledger.ledger_header(),
        }
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.action(description=gettext_lazy("Look at it again now"), permissions=["view"])
    def refresh_generations(
        self, request: HttpRequest, queryset: QuerySet[Generation]
    ) -> HttpResponse | None:
        """Read, search or download them now. Free: nothing is sent again."""
        refresh_selected(request, queryset)
        return _redirect_back(request)

    @admin.action(description=gettext_lazy("Cancel what was not sent yet"), permissions=["decide"])
    def cancel_unsent(
        self, request: HttpRequest, queryset: QuerySet[Generation]
    ) -> HttpResponse | None:
        """Cancel those that are still queued."""
        for generation in cancel_selected(request, queryset):
            self.log_change(request, generation, _("Cancelled before it was sent."))
        return _redirect_back(request)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether this person may cancel other people's generations."""
        return is_owner(request)


def _build_decision_context(generation: Generation) -> dict[str, object]:
    """The decisions that the owner may make, and the tasks that were looked up."""
    return {
        "can_resolve": generation.state == State.UNKNOWN,
        "task_form": resolution_forms.TaskForm(
            initial={"task_id": generation.candidate_task_id}, auto_id="task_%s"
        ),
        "lookups": generation.lookups.order_by("-pk")[:MAX_SHOWN_LOOKUPS],
        "decisions": resolution_forms.build_decision_forms(generation),
    }


def _redirect_back(request: HttpRequest) -> HttpResponse | None:
    """A redirect to the page of the action's button; None for the list."""
    if "overview" in request.POST:
        return HttpResponseRedirect(reverse("admin:index"))
    generation_id = parse_id(request.POST.get("back_to", ""))
    return (
        HttpResponseRedirect(Generation(pk=generation_id).get_admin_url())
        if generation_id
        else None
    )


def _get_actor(request: HttpRequest) -> User:
    """The signed-in user; call it only after `is_owner`."""
    assert isinstance(request.user, User)
    return request.user
