"""The pages of templates. What one opens in is a form of a model: `generations`."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.prompts.models import PromptTemplate
from evolink_studio.prompts.prompt_templates import services
from evolink_studio.prompts.prompt_templates.forms import TemplateForm
from evolink_studio.prompts.prompt_templates.presenters import present_templates
from evolink_studio.prompts.prompt_templates.queries import get_own_template_or_404, list_templates
from evolink_studio.prompts.undo import SEALED_NAME, build_undo_notice


@login_required
@require_safe
def prompt_templates(request: AuthenticatedHttpRequest) -> HttpResponse:
    """One's own, and what others share."""
    items = present_templates(request.user, list_templates(request.user))
    context = {
        "of": "templates",
        "own_templates": [item for item in items if item.is_own],
        "shared_templates": [item for item in items if not item.is_own],
    }
    return render(request, "prompts/prompt_templates.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_prompt_template(request: AuthenticatedHttpRequest) -> HttpResponse:
    """GET: an empty form. POST: keep a template."""
    if request.method != "POST":
        return render_template_form(request, TemplateForm())
    form = TemplateForm(request.POST)
    if form.is_valid():
        try:
            template = services.create_template(
                owner=request.user, now=timezone.now(), **form.cleaned_data
            )
        except services.TemplateRejected as rejection:
            form.add_error(rejection.field, str(rejection))
        else:
            messages.success(request, gettext("“{name}” is kept.").format(name=template.name))
            return redirect("prompt_templates")
    return render_template_form(request, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def prompt_template(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """One's own template to be changed."""
    template = get_own_template_or_404(request.user, pk)
    if request.method != "POST":
        initial = {name: getattr(template, name) for name in TemplateForm.base_fields}
        return render_template_form(request, TemplateForm(initial=initial), template)
    form = TemplateForm(request.POST)
    if form.is_valid():
        try:
            services.update_template(template=template, **form.cleaned_data)
        except services.TemplateRejected as rejection:
            form.add_error(rejection.field, str(rejection))
        else:
            messages.success(request, gettext("“{name}” is kept.").format(name=template.name))
            return redirect("prompt_templates")
    return render_template_form(request, form, template)


@login_required
@require_POST
def delete_prompt_template(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Delete one's own template; the notice takes it back."""
    template = get_own_template_or_404(request.user, pk)
    sealed = services.delete_template(template=template)
    text = gettext("“{name}” is deleted.").format(name=template.name)
    url = reverse("restore_prompt_template")
    messages.success(request, build_undo_notice(text, url=url, sealed=sealed))
    return redirect("prompt_templates")


@login_required
@require_POST
def restore_prompt_template(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Take back the deletion that a notice told of."""
    try:
        template = services.restore_template(
            owner=request.user, sealed=request.POST.get(SEALED_NAME, "")
        )
    except services.TemplateRejected as rejection:
        messages.error(request, str(rejection))
    else:
        messages.success(request, gettext("“{name}” is back.").format(name=template.name))
    return redirect("prompt_templates")


def render_template_form(
    request: AuthenticatedHttpRequest, form: TemplateForm, template: PromptTemplate | None = None
) -> HttpResponse:
    """The page with the form of a new template, or of one that is changed."""
    context = {"of": "templates", "form": form, "pk": template.pk if template else None}
    return render(request, "prompts/prompt_template.html", context)
