"""The dialog "From my library". Here and not in the library, because it knows what fits a model."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.generations.forms.controls import MediaCheck
from evolink_studio.generations.forms.media_fit import find_slot, judge_fit
from evolink_studio.library.forms import PickerForm
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import list_recent_assets


@login_required
@require_safe
def picker(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The dialog; with `after` only its next files, for a search only its list."""
    return render_picker(request, request.GET)


def render_picker(
    request: AuthenticatedHttpRequest, data: QueryDict, message: str = ""
) -> HttpResponse:
    """The dialog as `data` asks for it, with what just happened."""
    form = PickerForm(data)
    form.is_valid()
    params = {"kind": Asset.Kind.IMAGE.value, "model": "", "param": "", "q": "", "after": ""}
    params |= {name: value for name, value in form.cleaned_data.items() if value}
    page = list_recent_assets(
        request.user, kind=params["kind"], text=params["q"], cursor=params["after"]
    )
    context = {
        "files": _judge_files(params["model"], params["param"], page.items),
        "next_cursor": page.next_cursor,
        "params": params,
        "message": message,
    }
    return render(request, _choose_template(request, params["after"]), context)


def _judge_files(
    model_id: str, param: str, assets: list[Asset]
) -> list[tuple[Asset, MediaCheck | None]]:
    """Each file, and whether it fits the slot; None for no slot."""
    found = find_slot(model_id, param)
    return [(asset, judge_fit(*found, asset) if found else None) for asset in assets]


def _choose_template(request: AuthenticatedHttpRequest, after: str) -> str:
    if after:
        return "library/_asset_picker_items.html"
    if request.htmx and request.htmx.target == "asset-picker-list":
        return "library/_asset_picker_list.html"
    return "library/_asset_picker.html"
