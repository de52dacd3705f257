"""Who may do what, at every address of the studio. An address without a row here fails the test."""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.films import cuts
from evolink_studio.films.cuts import CutPart
from evolink_studio.films.models import Collection, SavedView
from evolink_studio.generations.models import Batch, GeneratedVideo, Generation
from evolink_studio.library.models import Asset
from evolink_studio.projects.models import Project
from evolink_studio.prompts.cast.services import create_cast_member
from evolink_studio.prompts.presets.services import create_preset
from evolink_studio.prompts.prompt_templates.services import create_template
from evolink_studio.sharing import services as sharing
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.sample_images import make_image
from tests.sample_videos import make_video

pytestmark = pytest.mark.django_db

SIGNED_IN_ROLES = ("stranger", "owner", "staff")
SIGNED_OUT_ROLES = ("anonymous", "disabled")
ALL_ROLES = (*SIGNED_OUT_ROLES, *SIGNED_IN_ROLES)
SIGN_IN_URL = "/account/login/"
METHOD_NOT_ALLOWED = 405


@dataclass(frozen=True)
class AccessRow:
    """The status by method. `is_private`: only one's own things are found.

    `is_public`: for everybody, signed in or not; `data` is what a valid POST sends.
    """

    get: int = METHOD_NOT_ALLOWED
    post: int = METHOD_NOT_ALLOWED
    args: tuple[str, ...] = ()
    is_private: bool = False
    is_public: bool = False
    data: dict[str, str] = field(default_factory=dict)
    needs_csrf_token: bool = True
    exceptions: dict[tuple[str, str], int] = field(default_factory=dict)  # by role and method


def statuses_when_signed_in(method: str, status: int) -> dict[tuple[str, str], int]:
    return {(role, method): status for role in SIGNED_IN_ROLES}


PROMPT_FIELDS = {"prompt": "A cat playing piano", "from_model": VEO}
ACCESS_TABLE = {
    "home": AccessRow(get=302),
    "create": AccessRow(get=200, post=302, args=(VEO,), data=PROMPT_FIELDS),
    "refresh": AccessRow(post=200, args=(VEO,), data=PROMPT_FIELDS),
    "switch": AccessRow(post=200, args=(VEO,), data=PROMPT_FIELDS),
    "models": AccessRow(get=200),
    "pin_model": AccessRow(post=302, args=(VEO,)),
    "live": AccessRow(get=200),
    "show": AccessRow(get=200, args=("generation",), is_private=True),
    "cancel": AccessRow(post=302, args=("generation",), is_private=True),
    "cancel_waiting": AccessRow(post=302),
    "move_in_queue": AccessRow(
        post=302, args=("generation",), is_private=True, data={"to": "first"}
    ),
    "change_waiting": AccessRow(post=302, args=("generation",), is_private=True),
    "again": AccessRow(get=200, post=200, args=("generation",), is_private=True),
    "other_models": AccessRow(get=200, args=("generation",), is_private=True),
    "begin_batch": AccessRow(post=302, args=(VEO,), data=PROMPT_FIELDS),
    "batch": AccessRow(get=200, post=200),
    "batch_progress": AccessRow(get=200, args=("batch",), is_private=True),
    "batch_again": AccessRow(get=302, args=("batch",), is_private=True),
    "stop_batch": AccessRow(post=302, args=("batch",), is_private=True),
    "put_away": AccessRow(post=302, args=("generation",), is_private=True),
    "watch_again": AccessRow(post=302, args=("generation",), is_private=True),
    "films": AccessRow(get=200),
    "film_action": AccessRow(post=302, data={"action": "star"}),
    "trash": AccessRow(get=200),
    "delete_films": AccessRow(post=302),
    "collections": AccessRow(get=200, post=302, data={"name": "Show reel"}),
    "collection": AccessRow(
        get=200, post=302, args=("collection",), is_private=True, data={"name": "Show reel"}
    ),
    "delete_collection": AccessRow(post=302, args=("collection",), is_private=True),
    "projects": AccessRow(get=200, post=302, data={"name": "Toothpaste"}),
    "project": AccessRow(
        get=200, post=302, args=("project",), is_private=True, data={"name": "Toothpaste"}
    ),
    "archive_project": AccessRow(post=302, args=("project",), is_private=True),
    "undo_change": AccessRow(post=302, args=("1",)),
    "film_labels": AccessRow(
        post=302, args=("generation",), is_private=True, data={"title": "Opening"}
    ),
    "download_names": AccessRow(get=200, post=302, data={"pattern": "{date}_{title}"}),
    "film": AccessRow(get=200, args=("generation",), is_private=True),
    "save_view": AccessRow(post=302, data={"name": "Mine", "query": "starred=1"}),
    "rename_view": AccessRow(post=302, args=("view",), is_private=True, data={"name": "Ours"}),
    "delete_view": AccessRow(post=302, args=("view",), is_private=True),
    "compare": AccessRow(get=200),
    "use_frame": AccessRow(post=302, args=("generation",), is_private=True, data={"at": "last"}),
    "callback": AccessRow(post=204, args=("token",), is_public=True, needs_csrf_token=False),
    "asset": AccessRow(get=200, args=("clip",), is_private=True),
    "asset_poster": AccessRow(get=200, args=("clip",), is_private=True),
    "asset_small_poster": AccessRow(get=200, args=("clip",), is_private=True),
    "asset_large_poster": AccessRow(get=200, args=("clip",), is_private=True),
    "asset_download": AccessRow(get=200, args=("clip",), is_private=True),
    "edit_asset": AccessRow(post=200, args=("image",), is_private=True, data={"action": "jpeg"}),
    "frame": AccessRow(post=200, args=("clip",), is_private=True, data={"second": "1"}),
    "upload": AccessRow(post=400),
    "from_address": AccessRow(post=400),
    "picker": AccessRow(get=200),
    "pictures": AccessRow(get=200),
    "picture": AccessRow(get=200, args=("image",), is_private=True),
    "picture_tile": AccessRow(get=200, args=("image",), is_private=True),
    "rename_picture": AccessRow(post=302, args=("image",), is_private=True, data={"name": "boat"}),
    "crop_picture": AccessRow(
        get=200, post=302, args=("image",), is_private=True, data={"shape": "1:1"}
    ),
    "add_files": AccessRow(post=302),
    "delete_files": AccessRow(post=200),
    "cuts": AccessRow(get=200),
    "cut_list": AccessRow(get=200),
    "new_cut": AccessRow(get=200, post=200),
    "change_cut": AccessRow(get=200, args=("cut",), is_private=True),
    "cancel_cut": AccessRow(post=302, args=("cut",), is_private=True),
    "retry_cut": AccessRow(post=302, args=("cut",), is_private=True),
    "share_films": AccessRow(get=200, post=200),
    "shares": AccessRow(get=200),
    "share": AccessRow(get=200, args=("share",), is_private=True),
    "renew_share": AccessRow(post=200, args=("share",), is_private=True),
    "revoke_share": AccessRow(post=302, args=("share",), is_private=True),
    "extend_share": AccessRow(post=302, args=("share",), is_private=True, data={"days": "7"}),
    "delete_comment": AccessRow(post=302, args=("share", "comment"), is_private=True),
    "shared": AccessRow(get=200, args=("share_token",), is_public=True),
    # Its form has a token of its own, which a cookie is not needed for.
    "shared_answer": AccessRow(post=403, args=("share_token",), is_public=True),
    "shared_file": AccessRow(get=200, args=("share_token", "1"), is_public=True),
    "shared_poster": AccessRow(get=200, args=("share_token", "1"), is_public=True),
    "shared_preview": AccessRow(get=200, args=("share_token",), is_public=True),
    "cast": AccessRow(get=200, post=200),
    "update_cast_member": AccessRow(
        post=302, args=("cast_member",), is_private=True, data={"name": "boat", "kind": "thing"}
    ),
    "delete_cast_member": AccessRow(post=302, args=("cast_member",), is_private=True),
    "cast_names": AccessRow(get=200),
    "prompts": AccessRow(get=200),
    "prompt_menu": AccessRow(get=200, args=(VEO, "presets")),
    "prompt_to_template": AccessRow(get=200, args=("generation",), is_private=True),
    "save_preset": AccessRow(post=302, args=(VEO,), data={**PROMPT_FIELDS, "_preset_name": "Reel"}),
    "presets": AccessRow(get=200),
    "rename_preset": AccessRow(post=302, args=("preset",), is_private=True, data={"name": "New"}),
    "share_preset": AccessRow(post=302, args=("preset",), is_private=True, data={"shared": "1"}),
    "delete_preset": AccessRow(post=302, args=("preset",), is_private=True),
    "restore_preset": AccessRow(post=302),
    "prompt_templates": AccessRow(get=200),
    "restore_prompt_template": AccessRow(post=302),
    "new_prompt_template": AccessRow(
        get=200, post=302, data={"name": "Product", "text": "{product} turns"}
    ),
    "prompt_template": AccessRow(
        get=200,
        post=302,
        args=("template",),
        is_private=True,
        data={"name": "Product", "text": "{product} turns"},
    ),
    "use_prompt_template": AccessRow(get=200, args=("template",), is_private=True),
    "delete_prompt_template": AccessRow(post=302, args=("template",), is_private=True),
    "account_login": AccessRow(
        get=200,
        post=200,
        is_public=True,
        data={"login": "nobody", "password": "wrong"},
        exceptions=statuses_when_signed_in("get", 302) | statuses_when_signed_in("post", 302),
    ),
    "account_logout": AccessRow(
        get=200,
        post=302,
        is_public=True,
        exceptions={("anonymous", "get"): 302, ("disabled", "get"): 302},
    ),
    "account_inactive": AccessRow(get=200, post=METHOD_NOT_ALLOWED, is_public=True),
    "account_change_password": AccessRow(get=200, post=200),
    "account_set_password": AccessRow(get=302, post=302),
    "account_reset_password": AccessRow(get=200, is_public=True),
    "account_reauthenticate": AccessRow(get=200, post=200),
    "preferences": AccessRow(get=200, post=302, data={"language": "de", "theme": "dark"}),
    "palette": AccessRow(get=200),
    "shared_files": AccessRow(
        post=403, needs_csrf_token=False, exceptions={("anonymous", "post"): 302}
    ),
    "month": AccessRow(get=200, post=302, data={"credits_limit": "20"}),
    "notifications": AccessRow(get=200, post=302, data={"time_zone": "UTC"}),
    "renew_webhook_secret": AccessRow(post=302),
    "notification_device": AccessRow(get=200),
    "end_sessions": AccessRow(post=302),
    "welcome": AccessRow(get=410, post=410, args=("token",), is_public=True),
    "accessibility": AccessRow(get=200, is_public=True),
    "manifest": AccessRow(get=200, is_public=True),
    "healthz": AccessRow(get=200, is_public=True),
    "readyz": AccessRow(get=503, is_public=True),  # no worker runs in this test
    "metrics": AccessRow(get=404, is_public=True),  # no token is set
}


def list_patterns(resolver=None, prefix: str = "") -> list[tuple[str, str]]:
    """Every (pattern, name) of the studio."""
    patterns = []
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            patterns.append((pattern, entry.name or ""))
        else:
            patterns += list_patterns(entry, pattern)
    return patterns


STUDIO_PATTERNS = [
    (pattern, name) for pattern, name in list_patterns() if not pattern.startswith("admin/")
]
ADMIN_PATTERNS = sorted({pattern for pattern, _ in list_patterns() if pattern.startswith("admin/")})


def test_every_url_has_its_row():
    names = [name for _, name in STUDIO_PATTERNS]
    assert sorted(names) == sorted(ACCESS_TABLE), "give every address a name and a row in TABLE"
    assert len(set(names)) == len(names)


# --- the cast and the things ------------------------------------------------------------------


@pytest.fixture
def owned_objects(tmp_path):
    """What belongs to the owner."""
    owner = UserFactory(username="owner")
    clip = AssetFactory(
        owner=owner,
        kind="video",
        format="mp4",
        mime="video/mp4",
        content=make_video(tmp_path / "clip.mp4").read_bytes(),
    )
    clip.poster = clip.poster_small = clip.poster_large = AssetFactory(owner=owner).file
    clip.save()
    completed = GenerationFactory(owner=owner, state="completed")
    GeneratedVideo.objects.create(generation=completed, asset=clip, position=0)
    share, share_token = sharing.create_share(
        owner=owner, generation_ids=[completed.pk], now=timezone.now()
    )
    comment = sharing.record_answer(
        share=share, generation=completed, guest_name="Grace", text="Good", now=timezone.now()
    )
    part = CutPart(clip.pk, Decimal(0), Decimal(1))
    cut = cuts.create_cut(owner=owner, title="", parts=[part], now=timezone.now())
    image = AssetFactory(owner=owner, content=make_image())
    member = create_cast_member(owner=owner, name="anna", asset=image, now=image.created_at)
    preset = create_preset(owner=owner, name="Look", model_id=VEO, values={}, now=NOW)
    template = create_template(owner=owner, name="Scene", text="{thing} moves", now=NOW)
    batch = Batch.objects.create(
        owner=owner, kind=Batch.Kind.TABLE, form_key=uuid.uuid4(), created_at=NOW
    )
    return {
        "cut": str(cut.pk),
        "share": str(share.pk),
        "share_token": share_token,
        "comment": str(comment.pk),
        "batch": str(batch.pk),
        "generation": str(completed.pk),
        "clip": str(clip.pk),
        "collection": str(Collection.objects.create(owner=owner, name="Reel", created_at=NOW).pk),
        "project": str(
            Project.objects.create(owner=owner, name="Job", is_shared=True, created_at=NOW).pk
        ),
        "image": str(image.pk),
        "cast_member": str(member.pk),
        "preset": str(preset.pk),
        "template": str(template.pk),
        "token": "no-such-token",
        "view": str(SavedView.objects.create(owner=owner, name="Starred", created_at=NOW).pk),
    }


def client_of(role: str, **options) -> Client:
    client = Client(**options)
    if role == "anonymous":
        return client
    staff = role == "staff"
    user, _ = User.objects.get_or_create(
        username=role, defaults={"is_staff": staff, "is_superuser": staff}
    )
    user.set_password("secret")
    user.save()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    if role == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


def url_of(name: str, owned_objects: dict[str, str]) -> str:
    return reverse(name, args=[owned_objects.get(arg, arg) for arg in ACCESS_TABLE[name].args])


def send_request(client: Client, method: str, name: str, owned_objects: dict[str, str], **headers):
    data = ACCESS_TABLE[name].data if method == "post" else {}
    return getattr(client, method)(url_of(name, owned_objects), data, headers=headers)


def expected_status(name: str, method: str, role: str) -> int:
    row = ACCESS_TABLE[name]
    answer: int = row.exceptions.get((role, method), getattr(row, method))
    if row.is_private and role != "owner" and answer != METHOD_NOT_ALLOWED:
        return 404
    return answer


# --- the matrix -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", SIGNED_IN_ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ACCESS_TABLE)
def test_everybody_who_is_signed_in_finds_what_is_theirs_and_nothing_else(
    owned_objects, name, method, role
):
    assert send_request(
        client_of(role), method, name, owned_objects
    ).status_code == expected_status(name, method, role)


@pytest.mark.parametrize("role", SIGNED_OUT_ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", [name for name, row in ACCESS_TABLE.items() if not row.is_public])
def test_whoever_is_not_signed_in_is_led_to_sign_in(owned_objects, name, method, role):
    browser = client_of(role)
    answer = send_request(browser, method, name, owned_objects)
    assert answer.status_code == 302
    assert answer["Location"].startswith(SIGN_IN_URL)

    fragment = send_request(browser, method, name, owned_objects, HX_Request="true")
    assert (fragment.status_code, fragment.content) == (204, b"")
    assert fragment["HX-Redirect"].startswith(SIGN_IN_URL)


@pytest.mark.parametrize("role", SIGNED_OUT_ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", [name for name, row in ACCESS_TABLE.items() if row.is_public])
def test_what_is_open_is_open_to_everybody(owned_objects, name, method, role):
    assert send_request(
        client_of(role), method, name, owned_objects
    ).status_code == expected_status(name, method, role)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("name", ACCESS_TABLE)
def test_no_other_method_does_anything(owned_objects, name, method):
    browser = client_of("owner")
    before = [list(model.objects.values()) for model in (Generation, Asset, User)]
    answer = getattr(browser, method)(url_of(name, owned_objects))
    assert answer.status_code < 500 or name == "readyz"
    assert [list(model.objects.values()) for model in (Generation, Asset, User)] == before


@pytest.mark.parametrize("role", ["stranger", "staff"])
@pytest.mark.parametrize("name", [name for name, row in ACCESS_TABLE.items() if row.is_private])
def test_a_stranger_cannot_tell_somebody_elses_thing_from_none(owned_objects, name, role):
    browser, method = (
        client_of(role),
        "get" if ACCESS_TABLE[name].get != METHOD_NOT_ALLOWED else "post",
    )
    other_reply = send_request(browser, method, name, owned_objects)
    missing_reply = send_request(browser, method, name, dict.fromkeys(owned_objects, "987654"))
    assert other_reply.status_code == missing_reply.status_code == 404
    assert len(other_reply.content) == len(missing_reply.content)


@pytest.mark.parametrize("role", ["owner", "anonymous"])
@pytest.mark.parametrize(
    "name", [name for name, row in ACCESS_TABLE.items() if row.post != METHOD_NOT_ALLOWED]
)
def test_every_post_needs_the_token_of_our_own_form(owned_objects, name, role):
    answer = send_request(client_of(role, enforce_csrf_checks=True), "post", name, owned_objects)
    is_needed = ACCESS_TABLE[name].needs_csrf_token
    assert answer.status_code == (403 if is_needed else expected_status(name, "post", role))


def test_only_two_addresses_do_without_that_token():
    names = {name for name, row in ACCESS_TABLE.items() if not row.needs_csrf_token}
    # The second takes only what the person's own browser says it sends: `test_installation.py`.
    assert names == {"callback", "shared_files"}


# --- the admin pages: one row for all of them -------------------------------------------------


def fill_pattern(pattern: str) -> str:
    """An address of this pattern, with a number in every place."""
    parts = pattern.replace("(?P<url>.*)$", "x").split("/")
    return "/" + "/".join("1" if part.startswith("<") else part for part in parts)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", [*SIGNED_OUT_ROLES, "stranger", "owner"])
def test_whoever_is_not_staff_finds_no_admin_page(owned_objects, role, method):
    browser = client_of(role)
    for pattern in ADMIN_PATTERNS:
        if pattern.startswith("admin/logout/"):
            continue
        answer = getattr(browser, method)(fill_pattern(pattern))
        assert answer.status_code in (302, 403, 404), pattern
        if answer.status_code == 302:
            assert answer["Location"].startswith((SIGN_IN_URL, "/admin/login/")), pattern


def test_staff_who_are_switched_off_find_none_either(owned_objects):
    browser = client_of("staff")
    assert browser.get("/admin/").status_code == 200
    User.objects.filter(username="staff").update(is_active=False)
    assert browser.get("/admin/").status_code == 302
