"""The page of the cast."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.library.exceptions import FileRejected
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls
from evolink_studio.library.queries import get_asset_or_404
from evolink_studio.library.services import add_upload
from evolink_studio.library.upload_handlers import get_upload_error
from evolink_studio.prompts.cast import services
from evolink_studio.prompts.cast.forms import CastMemberForm
from evolink_studio.prompts.cast.queries import get_cast_member_or_404, list_cast
from evolink_studio.prompts.models import CastMember


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def cast(request: AuthenticatedHttpRequest) -> HttpResponse:
    """GET: everybody; `picture` names the one of a new member. POST: add a member."""
    if request.method != "POST":
        picture = _find_picture(request, request.GET.get("picture", ""))
        return _render_cast(request, picture=picture)
    form = CastMemberForm(request.POST)
    picture = _find_picture(request, request.POST.get("picture", ""))
    try:
        picture = _store_picture(request) or picture
        values = _read_values(form)
        if picture is None:
            raise services.CastRejected("file", gettext("Choose a picture."))
        services.create_cast_member(owner=request.user, asset=picture, now=timezone.now(), **values)
    except (services.CastRejected, FileRejected) as rejection:
        return _render_cast(request, picture=picture, rejection=rejection)
    return redirect("cast")


@login_required
@require_safe
def cast_names(request: AuthenticatedHttpRequest) -> JsonResponse:
    """Who can be named behind an @, for what completes a name while it is typed.

    `lesson`: while the cast is empty, what an @ is for and the way to a first member; else null.
    """
    members = [
        {
            "name": member.name,
            "about": " · ".join(filter(None, [member.get_kind_display(), member.note])),
            "picture": build_poster_urls(member.asset).small,
        }
        for member in list_cast(request.user)
    ]
    lesson = {
        "text": gettext("@ stands for somebody or something of your cast: a picture with a name."),
        "link": gettext("Make the first one (new tab)"),
        "url": reverse("cast"),
    }
    return JsonResponse({"members": members, "lesson": None if members else lesson})


@login_required
@require_POST
def update_cast_member(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Change the name, kind, note or picture of a member."""
    member = get_cast_member_or_404(request.user, pk)
    form = CastMemberForm(request.POST)
    try:
        services.update_cast_member(
            member=member, asset=_store_picture(request), **_read_values(form)
        )
    except (services.CastRejected, FileRejected) as rejection:
        return _render_cast(request, rejection=rejection, rejected_id=pk)
    messages.success(request, gettext("@{name} is changed.").format(name=member.name))
    return redirect("cast")


@login_required
@require_POST
def delete_cast_member(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Take a member out; its picture stays in the library."""
    member = get_cast_member_or_404(request.user, pk)
    services.delete_cast_member(member=member)
    messages.success(
        request,
        gettext("@{name} is out of the cast; the picture stays.").format(name=member.name),
    )
    return redirect("cast")


def _read_values(form: CastMemberForm) -> dict[str, str]:
    """Name, kind and note. Raises CastRejected."""
    if not form.is_valid():
        raise services.CastRejected("name", gettext("This cannot be kept. Check what you typed."))
    return {name: form.cleaned_data[name] for name in ("name", "kind", "note")}


def _find_picture(request: AuthenticatedHttpRequest, text: str) -> Asset | None:
    """The picture that is named, if it is the person's own."""
    pk = parse_id(text)
    try:
        return get_asset_or_404(request.user, pk) if pk is not None else None
    except Http404:
        return None


def _store_picture(request: AuthenticatedHttpRequest) -> Asset | None:
    """The picture that was sent along; None without one. Raises FileRejected."""
    if (error := get_upload_error(request)) is not None:
        raise error
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return None
    return add_upload(owner=request.user, file=file, kind=Asset.Kind.IMAGE, now=timezone.now())


def _render_cast(
    request: AuthenticatedHttpRequest,
    *,
    picture: Asset | None = None,
    rejection: Exception | None = None,
    rejected_id: int | None = None,
) -> HttpResponse:
    """The page; with a rejection what was typed, and why it was not kept."""
    context = {
        "members": list_cast(request.user),
        "kinds": CastMember.Kind.choices,
        "picture": picture,
        "error": str(rejection or ""),
        "rejected_id": rejected_id,
        "typed": request.POST,
    }
    return render(request, "prompts/cast.html", context)
