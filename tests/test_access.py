"""Who may do what, at every address of the studio. An address without a row here fails the test."""

from dataclasses import dataclass, field

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from evolink_studio.accounts.models import User
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.library.models import Asset
from tests.factories import VEO, AssetFactory, GenerationFactory, UserFactory
from tests.library.footage import film
from tests.pictures import picture

pytestmark = pytest.mark.django_db

PEOPLE = ("stranger", "owner", "staff")
NOBODY = ("anonymous", "disabled")
EVERYBODY = (*NOBODY, *PEOPLE)
DOOR = "/account/login/"
NO = 405


@dataclass(frozen=True)
class Row:
    """What is answered, by method. `whose`: of one person's things only theirs are found.

    `open` to everybody, signed in or not; `data` is what a sound POST brings along.
    """

    get: int = NO
    post: int = NO
    args: tuple[str, ...] = ()
    whose: bool = False
    open: bool = False
    data: dict[str, str] = field(default_factory=dict)
    csrf: bool = True
    differs: dict[tuple[str, str], int] = field(default_factory=dict)  # by who and method


def signed_in(method: str, status: int) -> dict[tuple[str, str], int]:
    return {(who, method): status for who in PEOPLE}


PROMPT = {"prompt": "A cat playing piano", "from_model": VEO}
TABLE = {
    "home": Row(get=302),
    "create": Row(get=200, post=302, args=(VEO,), data=PROMPT),
    "refresh": Row(post=200, args=(VEO,), data=PROMPT),
    "switch": Row(post=200, args=(VEO,), data=PROMPT),
    "live": Row(get=200),
    "show": Row(get=200, args=("generation",), whose=True),
    "cancel": Row(post=302, args=("generation",), whose=True),
    "put_away": Row(post=302, args=("generation",), whose=True),
    "watch_again": Row(post=302, args=("generation",), whose=True),
    "films": Row(get=200),
    "callback": Row(post=204, args=("token",), open=True, csrf=False),
    "asset": Row(get=200, args=("clip",), whose=True),
    "asset_poster": Row(get=200, args=("clip",), whose=True),
    "asset_download": Row(get=200, args=("clip",), whose=True),
    "edit_asset": Row(post=200, args=("image",), whose=True, data={"action": "jpeg"}),
    "frame": Row(post=200, args=("clip",), whose=True, data={"second": "1"}),
    "upload": Row(post=400),
    "from_address": Row(post=400),
    "picker": Row(get=200),
    "account_login": Row(
        get=200,
        post=200,
        open=True,
        data={"login": "nobody", "password": "wrong"},
        differs=signed_in("get", 302) | signed_in("post", 302),
    ),
    "account_logout": Row(
        get=200, post=302, open=True, differs={("anonymous", "get"): 302, ("disabled", "get"): 302}
    ),
    "account_inactive": Row(get=200, post=NO, open=True),
    "account_change_password": Row(get=200, post=200),
    "account_set_password": Row(get=302, post=302),
    "account_reset_password": Row(get=200, open=True),
    "account_reauthenticate": Row(get=200, post=200),
    "preferences": Row(get=200, post=302, data={"language": "de", "theme": "dark"}),
    "welcome": Row(get=410, args=("token",), open=True),
    "healthz": Row(get=200, open=True),
    "readyz": Row(get=503, open=True),  # no worker runs in this test
    "metrics": Row(get=404, open=True),  # no token is set
}


def addresses(resolver=None, before: str = "") -> list[tuple[str, str]]:
    """Every (pattern, name) of the studio."""
    found = []
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            found.append((pattern, entry.name or ""))
        else:
            found += addresses(entry, pattern)
    return found


OURS = [(pattern, name) for pattern, name in addresses() if not pattern.startswith("admin/")]
ADMIN = sorted({pattern for pattern, _ in addresses() if pattern.startswith("admin/")})


def test_every_address_has_its_row():
    names = [name for _, name in OURS]
    assert sorted(names) == sorted(TABLE), "give every address a name and a row in TABLE"
    assert len(set(names)) == len(names)


# --- the cast and the things ------------------------------------------------------------------


@pytest.fixture
def things(tmp_path):
    """What belongs to the owner."""
    owner = UserFactory(username="owner")
    clip = AssetFactory(
        owner=owner,
        kind="video",
        format="mp4",
        mime="video/mp4",
        content=film(tmp_path / "clip.mp4").read_bytes(),
    )
    clip.poster = AssetFactory(owner=owner).file
    clip.save()
    done = GenerationFactory(owner=owner, state="completed")
    GeneratedVideo.objects.create(generation=done, asset=clip, position=0)
    return {
        "generation": str(done.pk),
        "clip": str(clip.pk),
        "image": str(AssetFactory(owner=owner, content=picture()).pk),
        "token": "no-such-token",
    }


def browser_of(who: str, **how) -> Client:
    client = Client(**how)
    if who == "anonymous":
        return client
    staff = who == "staff"
    person, _ = User.objects.get_or_create(
        username=who, defaults={"is_staff": staff, "is_superuser": staff}
    )
    person.set_password("secret")
    person.save()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    if who == "disabled":
        User.objects.filter(pk=person.pk).update(is_active=False)
    return client


def address_of(name: str, things: dict[str, str]) -> str:
    return reverse(name, args=[things.get(arg, arg) for arg in TABLE[name].args])


def ask(client: Client, method: str, name: str, things: dict[str, str], **headers):
    data = TABLE[name].data if method == "post" else {}
    return getattr(client, method)(address_of(name, things), data, headers=headers)


def expected(name: str, method: str, who: str) -> int:
    row = TABLE[name]
    answer: int = row.differs.get((who, method), getattr(row, method))
    if row.whose and who != "owner" and answer != NO:
        return 404
    return answer


# --- the matrix -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", TABLE)
def test_everybody_who_is_signed_in_finds_what_is_theirs_and_nothing_else(
    things, name, method, who
):
    assert ask(browser_of(who), method, name, things).status_code == expected(name, method, who)


@pytest.mark.parametrize("who", NOBODY)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if not row.open])
def test_whoever_is_not_signed_in_is_led_to_the_door(things, name, method, who):
    browser = browser_of(who)
    answer = ask(browser, method, name, things)
    assert answer.status_code == 302
    assert answer["Location"].startswith(DOOR)

    fragment = ask(browser, method, name, things, HX_Request="true")
    assert (fragment.status_code, fragment.content) == (204, b"")
    assert fragment["HX-Redirect"].startswith(DOOR)


@pytest.mark.parametrize("who", NOBODY)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.open])
def test_what_is_open_is_open_to_everybody(things, name, method, who):
    assert ask(browser_of(who), method, name, things).status_code == expected(name, method, who)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("name", TABLE)
def test_no_other_method_does_anything(things, name, method):
    browser = browser_of("owner")
    before = [list(model.objects.values()) for model in (Generation, Asset, User)]
    answer = getattr(browser, method)(address_of(name, things))
    assert answer.status_code < 500 or name == "readyz"
    assert [list(model.objects.values()) for model in (Generation, Asset, User)] == before


@pytest.mark.parametrize("who", ["stranger", "staff"])
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.whose])
def test_a_stranger_cannot_tell_somebody_elses_thing_from_none(things, name, who):
    browser, method = browser_of(who), "get" if TABLE[name].get != NO else "post"
    theirs = ask(browser, method, name, things)
    nothing = ask(browser, method, name, dict.fromkeys(things, "987654"))
    assert theirs.status_code == nothing.status_code == 404
    assert len(theirs.content) == len(nothing.content)


@pytest.mark.parametrize("who", ["owner", "anonymous"])
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.post != NO])
def test_every_post_needs_the_token_of_our_own_form(things, name, who):
    answer = ask(browser_of(who, enforce_csrf_checks=True), "post", name, things)
    assert answer.status_code == (403 if TABLE[name].csrf else 204)


def test_only_the_callback_does_without_that_token():
    assert [name for name, row in TABLE.items() if not row.csrf] == ["callback"]


# --- the admin pages: one row for all of them -------------------------------------------------


def filled(pattern: str) -> str:
    """An address of this pattern, with a number in every place."""
    parts = pattern.replace("(?P<url>.*)$", "x").split("/")
    return "/" + "/".join("1" if part.startswith("<") else part for part in parts)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", [*NOBODY, "stranger", "owner"])
def test_whoever_is_not_staff_finds_no_admin_page(things, who, method):
    browser = browser_of(who)
    for pattern in ADMIN:
        if pattern.startswith("admin/logout/"):
            continue
        answer = getattr(browser, method)(filled(pattern))
        assert answer.status_code in (302, 403, 404), pattern
        if answer.status_code == 302:
            assert answer["Location"].startswith((DOOR, "/admin/login/")), pattern


def test_staff_who_are_switched_off_find_none_either(things):
    browser = browser_of("staff")
    assert browser.get("/admin/").status_code == 200
    User.objects.filter(username="staff").update(is_active=False)
    assert browser.get("/admin/").status_code == 302
