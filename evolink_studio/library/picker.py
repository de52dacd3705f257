"""The dialog "From my library"."""

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.library.forms import PickerForm
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import list_recent_assets


def render_picker(
    request: AuthenticatedHttpRequest, data: QueryDict, message: str = ""
) -> HttpResponse:
    """The dialog as `data` asks for it, with what just happened; with `after`, its next files."""
    form = PickerForm(data)
    form.is_valid()
    params = {"kind": Asset.Kind.IMAGE.value, "param": "", "after": ""}
    params |= {name: value for name, value in form.cleaned_data.items() if value}
    page = list_recent_assets(request.user, kind=params["kind"], cursor=params["after"])
    template = (
        "library/_asset_picker_items.html" if params["after"] else "library/_asset_picker.html"
    )
    context = {"page": page, "kind": params["kind"], "param": params["param"], "message": message}
    return render(request, template, context)
