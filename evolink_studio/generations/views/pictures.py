"""The pictures page: what a person added, and one file of it.

Here and not in the library, because it says which films were made with a file.
"""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, HttpResponseForbidden
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.catalog import SPECS
from evolink_studio.generations import queries
from evolink_studio.generations.forms.media_fit import list_slot_links
from evolink_studio.generations.presenters.cards import present_gallery_item
from evolink_studio.generations.presenters.cropping import list_shapes
from evolink_studio.generations.presenters.pictures import (
    KIND_LABELS,
    ORIGIN_LABELS,
    describe_facts,
    present_tile,
    present_tiles,
)
from evolink_studio.library import services
from evolink_studio.library.exceptions import EditFailed, FileRejected
from evolink_studio.library.forms import CropForm, NameForm, PicturesForm
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_picture_srcset, build_poster_urls
from evolink_studio.library.queries import (
    COUNT_LIMIT,
    AssetFilter,
    count_added_assets,
    get_asset_or_404,
    list_added_assets,
    list_derivatives,
)
from evolink_studio.library.upload_handlers import get_upload_error

PAGE_SIZE = 48
SHOWN_FILMS = 24  # that a picture is in


@dataclass(frozen=True)
class Choice:
    """One value of a filter."""

    value: str
    label: str
    is_chosen: bool


@login_required
@require_safe
def pictures(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of the files; `q`, `kind` and `origin` filter it, `after` is its position."""
    form = PicturesForm(request.GET)
    form.is_valid()
    wanted = AssetFilter(
        text=form.cleaned_data.get("q", ""),
        kind=form.cleaned_data.get("kind", ""),
        origin=form.cleaned_data.get("origin", ""),
    )
    position = form.cleaned_data.get("after", "")
    page = list_added_assets(request.user, wanted, position=position, limit=PAGE_SIZE)
    context = {
        "tiles": present_tiles(page.items, queries.count_uses(page.items)),
        "next_url": _build_url(wanted, page.next_cursor) if page.next_cursor else "",
        "wanted": wanted,
    }
    if request.htmx and position:
        return render(request, "library/_picture_items.html", context)
    context |= {
        "count_text": _describe_count(count_added_assets(request.user, wanted)),
        "is_first_page": not position,
        "first_url": _build_url(wanted),
        "all_url": reverse("pictures"),
        "kinds": _list_kinds(wanted),
        "origins": ORIGIN_LABELS.items(),
    }
    is_fragment = request.htmx and request.htmx.target == "pictures-list"
    template = "library/_picture_list.html" if is_fragment else "library/pictures.html"
    return render(request, template, context)


@login_required
@require_safe
def picture(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """One file, large: its facts, what it came from, what was made of it and with it."""
    asset = get_asset_or_404(request.user, pk)
    films = queries.list_films_with(asset, limit=SHOWN_FILMS + 1)
    now = timezone.now()
    origin = asset.derived_from
    url = reverse("asset", args=[asset.pk])
    posters = build_poster_urls(asset)
    context = {
        "asset": asset,
        "url": url,
        "posters": posters,
        "srcset": build_picture_srcset(asset, posters, url),
        "facts": describe_facts(asset),
        "is_own": asset.origin != Asset.Origin.RESULT,
        "came_from": present_tile(origin) if origin else None,
        "became": present_tiles(list_derivatives(asset), {}),
        "slots": list_slot_links(asset),
        "films_with_it": [present_gallery_item(film, now=now) for film in films[:SHOWN_FILMS]],
        "has_more_films": len(films) > SHOWN_FILMS,
    }
    return render(request, "library/picture.html", context)


@login_required
@require_safe
def picture_tile(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """A file that was just added, as it stands in the list."""
    asset = get_asset_or_404(request.user, pk)
    context = {"tiles": present_tiles([asset], queries.count_uses([asset]))}
    return render(request, "library/_picture_items.html", context)


@login_required
@require_POST
def rename_picture(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Give a file another name, and go back to its page."""
    asset = get_asset_or_404(request.user, pk)
    form = NameForm(request.POST)
    if form.is_valid() and services.rename_asset(asset=asset, name=form.cleaned_data["name"]):
        messages.success(request, gettext("Its name is “{name}” now.").format(name=asset.name))
    else:
        messages.error(
            request, gettext("Its name is as it was. Type a name of at most 120 characters.")
        )
    return redirect("picture", asset.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def crop_picture(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """GET: the page, with htmx the dialog of a form, whose slot `model` and `slot` name.

    POST: store the copy and go to it.
    """
    asset = get_asset_or_404(request.user, pk)
    if asset.kind != Asset.Kind.IMAGE or not (asset.width and asset.height):
        raise Http404
    if request.method == "POST" and (copy := _store_crop(request, asset)) is not None:
        return redirect("picture", copy.pk)
    slot = request.GET.get("slot", "")
    spec = SPECS.get(request.GET.get("model", ""))
    posters = build_poster_urls(asset)
    shapes = list_shapes(spec, slot, request.GET.get("aspect_ratio", ""), asset.width, asset.height)
    context = {
        "asset": asset,
        "slot": slot,
        "shapes": shapes,
        "image_url": posters.large or reverse("asset", args=[asset.pk]),
    }
    template = "library/_crop.html" if request.htmx else "library/crop.html"
    return render(request, template, context)


def _store_crop(request: AuthenticatedHttpRequest, asset: Asset) -> Asset | None:
    """The copy; None when it cannot be made, which is then said."""
    form = CropForm(request.POST)
    try:
        if not form.is_valid():
            raise EditFailed
        copy = services.crop_picture(asset=asset, crop=form.build_crop(), now=timezone.now())
    except FileRejected as rejection:
        messages.error(request, str(rejection))
        return None
    messages.success(request, gettext("The copy is here; the original is as it was."))
    return copy


@login_required
@require_POST
def add_files(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Store the files of a page without scripts, and say what became of each."""
    if (error := get_upload_error(request)) is not None:
        messages.error(request, str(error))
        return redirect("pictures")
    added_count = 0
    for file in request.FILES.getlist("file"):
        assert isinstance(file, UploadedFile)
        try:
            services.add_upload(owner=request.user, file=file, now=timezone.now())
            added_count += 1
        except FileRejected as rejection:
            messages.error(request, f"{file.name}: {rejection}")
    if added_count:
        text = ngettext("{n} file added.", "{n} files added.", added_count)
        messages.success(request, text.format(n=added_count))
    return redirect("pictures")


# What the browser itself sends, and no page of another site can.
OWN_REQUESTS = ("none", "same-origin")


@csrf_exempt
@login_required
@require_POST
def receive_shared_files(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Store files that another app of the device shares with the installed studio.

    The system's own dialog sends them and knows no token; a request of another site is refused.
    """
    if request.headers.get("Sec-Fetch-Site") not in OWN_REQUESTS:
        return HttpResponseForbidden()
    return add_files(request)


def _build_url(wanted: AssetFilter, position: str = "") -> str:
    values = {
        "q": wanted.text,
        "kind": wanted.kind,
        "origin": wanted.origin,
        "after": position,
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{reverse('pictures')}?{query}" if query else reverse("pictures")


def _list_kinds(wanted: AssetFilter) -> list[Choice]:
    labels = {"": gettext("All"), **KIND_LABELS}
    return [
        Choice(value=kind, label=str(label), is_chosen=kind == wanted.kind)
        for kind, label in labels.items()
    ]


def _describe_count(count: int) -> str:
    if count > COUNT_LIMIT:
        return gettext("more than {n} files").format(n=COUNT_LIMIT)
    return ngettext("{n} file", "{n} files", count).format(n=count)
