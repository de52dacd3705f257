"""Who may change whom: every field and action, by staff with all permissions and by the owner."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.accounts.services import create_sign_in_link, end_sessions
from tests.accounts.admin.conftest import GROUPS_URL, USERS_URL, client_of
from tests.factories import NOW, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db

# Those whom only the owner may touch; "sam" is the member of staff who tries.
PRIVILEGED = {
    "the owner": {"username": "ole", "is_staff": True, "is_superuser": True},
    "an owner switched off": {
        "username": "oto",
        "is_staff": True,
        "is_superuser": True,
        "is_active": False,
    },
    "an owner outside of the admin pages": {"username": "oda", "is_superuser": True},
    "other staff": {"username": "sue", "is_staff": True},
    "themselves": {"username": "sam"},
}
PRIVILEGED_TARGETS = list(PRIVILEGED)
PLAIN_CHANGES = {
    "username": "other-name",
    "first_name": "Other",
    "last_name": "Other",
    "email": "other@example.org",
    "is_active": "",
    "language": "de",
    "theme": "dark",
}
ROLE_CHANGES = {
    "is_staff": "on",
    "is_superuser": "on",
    "groups": "group",
    "user_permissions": "all",
}
NEW_PASSWORD = "a-much-better-one"


def make_target(name: str) -> User:
    traits = PRIVILEGED[name]
    user = User.objects.filter(username=traits["username"]).first()
    return user or UserFactory(**traits)


@pytest.fixture
def films(db) -> Group:
    """A group with permissions."""
    films = Group.objects.create(name="Films")
    films.permissions.set(Permission.objects.filter(codename__contains="user"))
    return films


def dump_people() -> list[object]:
    """Everything about everybody, and about the groups."""
    people = [
        {k: v for k, v in row.items() if k != "last_login"}
        for row in User.objects.order_by("pk").values()
    ]
    links = [
        list(through.objects.order_by("pk").values())
        for through in (User.groups.through, User.user_permissions.through)
    ]
    group_rights = list(Group.permissions.through.objects.order_by("pk").values())
    return [people, links, list(Group.objects.values()), group_rights]


def read_form(user: User, **changes: object) -> dict[str, object]:
    """What the page of a person sends, with `changes`; an empty text leaves a box unticked."""
    texts = ("username", "first_name", "last_name", "email", "language", "theme")
    form: dict[str, object] = {name: getattr(user, name) for name in texts}
    boxes = ("is_active", "is_staff", "is_superuser")
    form |= {name: "on" for name in boxes if getattr(user, name)}
    form["groups"] = [group.pk for group in user.groups.all()]
    return {name: value for name, value in {**form, **changes}.items() if value != ""}


def resolve_change(name: str, value: str, films: Group) -> object:
    if name == "groups":
        return [films.pk]
    return list(Permission.objects.values_list("pk", flat=True)) if value == "all" else value


def change_url(user: User) -> str:
    return f"{USERS_URL}{user.pk}/change/"


# --- staff: whoever may do more than make films is not theirs to change -----------------------


@pytest.mark.parametrize("button", ["_save", "_saveasnew"])
@pytest.mark.parametrize("target", PRIVILEGED_TARGETS)
def test_staff_change_nothing_about_whoever_may_do_more(sam, staff_client, films, target, button):
    user = make_target(target)
    before = dump_people()
    for name, value in {**PLAIN_CHANGES, **ROLE_CHANGES}.items():
        form = read_form(user, **{name: resolve_change(name, value, films), button: "1"})
        is_new = button == "_saveasnew"  # Django asks for the password of a new person
        assert staff_client.post(change_url(user), form).status_code == (200 if is_new else 403)
    assert dump_people() == before


@pytest.mark.parametrize("target", PRIVILEGED_TARGETS)
def test_staff_set_no_password_of_whoever_may_do_more(sam, staff_client, target):
    user = make_target(target)
    before = dump_people()
    forms = (
        {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"},
        {"usable_password": "false", "unset-password": "1"},
    )
    for path in (f"{USERS_URL}{user.pk}/password/", f"{USERS_URL}{user.pk}/change/password/"):
        assert staff_client.get(path).status_code in (302, 403, 404)
        for form in forms:
            assert staff_client.post(path, form).status_code in (302, 403, 404)
    assert dump_people() == before


@pytest.mark.parametrize("target", PRIVILEGED_TARGETS)
def test_staff_delete_nobody_who_may_do_more(sam, staff_client, target):
    user, plain = make_target(target), UserFactory()
    before = dump_people()
    answer = staff_client.post(f"{USERS_URL}{user.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 403
    refusals = (200, 403)  # 200: nobody deletes the only owner, and the page says so
    for chosen in ([user.pk], [plain.pk, user.pk]):
        form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        assert staff_client.post(USERS_URL, form).status_code in refusals
    form = {"action": "delete_selected", "_selected_action": [plain.pk], "select_across": "1"}
    assert staff_client.post(USERS_URL, {**form, "post": "yes"}).status_code in refusals
    assert dump_people() == before


@pytest.mark.parametrize("target", PRIVILEGED_TARGETS)
def test_staff_open_and_close_no_door_of_whoever_may_do_more(sam, staff_client, target):
    user = make_target(target)
    create_sign_in_link(user=user, now=NOW)
    (link,) = SignInLink.objects.values()
    before = dump_people()
    for action in ("make_sign_in_link", "end_sessions"):
        form = {"action": action, "_selected_action": [user.pk]}
        staff_client.post(USERS_URL, form)
    staff_client.post(f"/admin/accounts/signinlink/{link['id']}/revoke/")
    form = {"action": "revoke", "_selected_action": [link["id"]]}
    staff_client.post("/admin/accounts/signinlink/", form)
    assert list(SignInLink.objects.values()) == [link]
    assert dump_people() == before


@pytest.mark.parametrize("target", PRIVILEGED_TARGETS)
def test_staff_are_shown_no_field_to_type_into_and_nothing_of_a_password(sam, staff_client, target):
    user = make_target(target)
    page = ParsedPage(staff_client.get(change_url(user)))
    names = {e.get("name") for e in page.find_all("input") if e.get("type") != "hidden"}
    assert not names & {*PLAIN_CHANGES, *ROLE_CHANGES}
    assert user.password.split("$")[-1][:6] not in page.text


# --- staff: people who make films are, but for their roles ------------------------------------


@pytest.mark.parametrize("name", PLAIN_CHANGES)
def test_staff_with_the_permission_change_people_who_make_films(sam, staff_client, name):
    user = UserFactory()
    value = PLAIN_CHANGES[name]
    assert staff_client.post(change_url(user), read_form(user, **{name: value})).status_code == 302
    user.refresh_from_db()
    assert getattr(user, name) == (value if name != "is_active" else False)


@pytest.mark.parametrize("name", ROLE_CHANGES)
def test_staff_give_nobody_a_role(sam, staff_client, films, name):
    user = UserFactory()
    before = dump_people()
    form = read_form(user, **{name: resolve_change(name, ROLE_CHANGES[name], films)})
    assert staff_client.post(change_url(user), form).status_code == 302
    assert dump_people() == before


@pytest.mark.parametrize("name", ROLE_CHANGES)
def test_staff_add_nobody_with_a_role(sam, staff_client, films, name):
    form = {"username": "new", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    form |= {"usable_password": "true"}
    form |= {name: resolve_change(name, ROLE_CHANGES[name], films), "is_active": "on"}
    assert staff_client.post(f"{USERS_URL}add/", form).status_code == 302
    new = User.objects.get(username="new")
    assert (new.is_staff, new.is_superuser, new.check_password(NEW_PASSWORD)) == (
        False,
        False,
        True,
    )
    assert not new.groups.exists()
    assert not new.user_permissions.exists()


def test_staff_set_passwords_and_delete_people_who_make_films(sam, staff_client):
    user, plain = UserFactory(), UserFactory()
    create_sign_in_link(user=plain, now=NOW)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert staff_client.post(f"{USERS_URL}{user.pk}/password/", form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    form = {"action": "delete_selected", "_selected_action": [user.pk, plain.pk], "post": "yes"}
    assert staff_client.post(USERS_URL, form).status_code == 302
    assert not User.objects.filter(pk__in=[user.pk, plain.pk]).exists()


def test_staff_without_a_permission_change_nobody(films):
    client = client_of(UserFactory(staff=True))
    user = UserFactory()
    before = dump_people()
    for name, value in {**PLAIN_CHANGES, **ROLE_CHANGES}.items():
        form = read_form(user, **{name: resolve_change(name, value, films)})
        assert client.post(change_url(user), form).status_code == 403
    client.post(USERS_URL, {"action": "end_sessions", "_selected_action": [user.pk]})
    assert dump_people() == before


# --- groups -----------------------------------------------------------------------------------


def test_staff_give_no_group_a_permission_whether_they_are_in_it_or_not(sam, staff_client, films):
    sam.groups.add(films)
    before = dump_people()
    everything = list(Permission.objects.values_list("pk", flat=True))
    form = {"name": "Films", "permissions": everything}
    for url in (
        f"{GROUPS_URL}{films.pk}/change/",
        f"{GROUPS_URL}add/",
        f"{GROUPS_URL}add/?_popup=1",
    ):
        assert staff_client.post(url, form).status_code == 403
    assert staff_client.post(f"{GROUPS_URL}{films.pk}/delete/", {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [films.pk], "post": "yes"}
    staff_client.post(GROUPS_URL, form)
    assert dump_people() == before


def test_the_owner_changes_groups(owner_client, films):
    permission = Permission.objects.get(codename="view_asset")
    form = {"name": "Cinema", "permissions": [permission.pk]}
    assert owner_client.post(f"{GROUPS_URL}{films.pk}/change/", form).status_code == 302
    films.refresh_from_db()
    assert (films.name, list(films.permissions.all())) == ("Cinema", [permission])
    assert owner_client.post(f"{GROUPS_URL}{films.pk}/delete/", {"post": "yes"}).status_code == 302


def test_there_is_no_second_list_of_addresses_by_which_to_change_somebody(owner_client):
    for path in ("account/emailaddress/", "account/emailconfirmation/", "auth/permission/"):
        assert owner_client.get(f"/admin/{path}").status_code == 404


# --- the owner --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["the owner", "other staff"])
@pytest.mark.parametrize("name", [*PLAIN_CHANGES, "is_staff", "is_superuser", "groups"])
def test_the_owner_changes_everything_about_everybody(olga, owner_client, films, name, target):
    user = make_target(target)
    value = {**PLAIN_CHANGES, **ROLE_CHANGES, "is_staff": ""}[name]
    form = read_form(user, **{name: resolve_change(name, value, films)})
    assert owner_client.post(change_url(user), form).status_code == 302
    user.refresh_from_db()
    if name == "groups":
        assert list(user.groups.all()) == [films]
    else:
        assert getattr(user, name) == {"on": True, "": False}.get(value, value)


@pytest.mark.parametrize("target", [name for name in PRIVILEGED_TARGETS if name != "themselves"])
def test_the_owner_sets_passwords_signs_out_and_deletes(olga, owner_client, target):
    user = make_target(target)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert owner_client.post(f"{USERS_URL}{user.pk}/password/", form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    before = user.security_stamp
    owner_client.post(USERS_URL, {"action": "end_sessions", "_selected_action": [user.pk]})
    user.refresh_from_db()
    assert user.security_stamp != before
    assert owner_client.post(f"{USERS_URL}{user.pk}/delete/", {"post": "yes"}).status_code == 302


def test_signing_somebody_out_everywhere_ends_their_sessions_and_leaves_others_alone(
    sam, staff_client, olga, owner_client
):
    ada = UserFactory(username="ada")
    ada_client = client_of(ada)
    form = {"action": "end_sessions", "_selected_action": [ada.pk, olga.pk]}
    page = ParsedPage(staff_client.post(USERS_URL, form, follow=True))
    assert "1 person was signed out everywhere. 1 was left alone" in page.text
    assert ada_client.get("/films/").status_code == 302
    assert owner_client.get("/films/").status_code == 200


def test_an_owner_who_was_demoted_meanwhile_changes_nothing(olga, owner_client):
    UserFactory(owner=True)
    user = UserFactory()
    User.objects.filter(pk=olga.pk).update(is_superuser=False)
    form = read_form(user, is_superuser="on", is_staff="on")
    assert owner_client.post(change_url(user), form).status_code in (302, 403)
    user.refresh_from_db()
    assert not user.is_superuser
    end_sessions(user=user)
    assert Client().get(change_url(user)).status_code == 302
