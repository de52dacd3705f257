"""What was written before: the page of used prompts, the menus of a form, presets made of one."""

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.generations import queries
from evolink_studio.generations.forms.initial import build_draft_values, list_entered_values
from evolink_studio.generations.presenters.prompts import present_used_prompts
from evolink_studio.generations.prompt_history import list_recent_prompts, list_used_prompts
from evolink_studio.generations.views.create import get_spec_or_404, parse_form_data
from evolink_studio.prompts.models import Preset
from evolink_studio.prompts.presets.presenters import present_presets
from evolink_studio.prompts.presets.queries import list_presets
from evolink_studio.prompts.presets.services import PresetRejected, create_preset
from evolink_studio.prompts.prompt_templates.forms import TemplateForm
from evolink_studio.prompts.prompt_templates.placeholders import (
    MAX_FILL_LENGTH,
    find_placeholders,
)
from evolink_studio.prompts.prompt_templates.presenters import present_templates
from evolink_studio.prompts.prompt_templates.queries import (
    get_usable_template_or_404,
    list_templates,
)

MENU_PROMPTS = 8
MAX_SEARCH_LENGTH = 200


@login_required
@require_safe
def prompts(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The prompts of one's films, newest first; `q` finds some, `after` is a position."""
    text = request.GET.get("q", "")[:MAX_SEARCH_LENGTH].strip()
    position = request.GET.get("after", "")
    page = list_used_prompts(request.user, text=text, position=position)
    next_query = urlencode({"after": page.next_position, **({"q": text} if text else {})})
    context = {
        "of": "history",
        "items": present_used_prompts(page.prompts, model_id=""),
        "text": text,
        "is_first_page": not position,
        "next_url": f"{reverse('prompts')}?{next_query}" if page.next_position else "",
    }
    if request.htmx and position:
        return render(request, "generations/_prompt_items.html", context)
    is_fragment = request.htmx and request.htmx.target == "prompt-list"
    template = "generations/_prompt_list.html" if is_fragment else "generations/prompts.html"
    return render(request, template, context)


@login_required
@require_safe
def prompt_menu(request: AuthenticatedHttpRequest, model_id: str, of: str) -> HttpResponse:
    """What the form of a model offers: the newest prompts, the templates, or the presets."""
    spec, user = get_spec_or_404(model_id), request.user
    items: Sequence[object]
    if of == "history":
        items = present_used_prompts(list_recent_prompts(user, MENU_PROMPTS), model_id=spec.id)
    elif of == "templates":
        items = present_templates(user, list_templates(user), model_id=spec.id)
    elif of == "presets":
        presets = sorted(list_presets(user), key=lambda preset: preset.model_id != spec.id)
        items = present_presets(user, presets)
    else:
        raise Http404
    context = {"model_id": spec.id, "items": items}
    return render(request, f"generations/_prompt_menu_{of}.html", context)


@login_required
@require_POST
def save_preset(request: AuthenticatedHttpRequest, model_id: str) -> HttpResponse:
    """Keep what the form holds now as a preset. The form stays as it is."""
    spec = get_spec_or_404(model_id)
    name = request.POST.get("_preset_name", "")
    try:
        preset, error = _create_preset(request, spec, name), ""
    except PresetRejected as rejection:
        preset, error = None, str(rejection)
    if request.htmx:
        context = {
            "model_id": spec.id,
            "saved_name": preset.name if preset else "",
            "typed_name": name[:MAX_SEARCH_LENGTH],
            "error": error,
        }
        return render(request, "generations/_save_preset.html", context)
    if preset is None:
        messages.error(request, error)
        return redirect("create", spec.id)
    messages.success(request, _("Saved as “{name}”.").format(name=preset.name))
    return redirect("presets")


def _create_preset(request: AuthenticatedHttpRequest, spec: ModelSpec, name: str) -> Preset:
    now = timezone.now()
    return create_preset(
        owner=request.user,
        name=name,
        model_id=spec.id,
        values=list_entered_values(build_draft_values(parse_form_data(request, spec, now))),
        is_shared=request.POST.get("_preset_shared") == "1",
        now=now,
    )


@login_required
@require_safe
def use_prompt_template(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """A field for each placeholder; the filled prompt opens in the form of `model`, else of the
    model of the last film."""
    template = get_usable_template_or_404(request.user, pk)
    model_id = request.GET.get("model", "")
    if model_id not in SPECS:
        last_id = queries.get_last_model_id(request.user)
        model_id = last_id if last_id in SPECS else next(iter(SPECS))
    context = {
        "of": "templates",
        "template": template,
        "placeholders": list(enumerate(find_placeholders(template.text))),
        "max_length": MAX_FILL_LENGTH,
        "model_id": model_id,
        "model_label": _(SPECS[model_id].label),
    }
    name = "_use_template.html" if request.htmx else "use_template.html"
    return render(request, f"prompts/{name}", context)


@login_required
@require_safe
def keep_prompt_as_template(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The form of a new template with the prompt of one's generation. Nothing is kept yet."""
    generation = queries.get_generation_or_404(request.user, pk)
    form = TemplateForm(initial={"text": generation.prompt})
    return render(request, "prompts/prompt_template.html", {"of": "templates", "form": form})
