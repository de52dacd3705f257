"""Addresses, forms and headers as nobody means them: every page says no or shows less, none breaks.

The pages come from the URL table, the names of their parameters from what each page looks for.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib import admin
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.datastructures import MultiValueDict
from django.utils.http import urlencode

from evolink_studio.generations.models import CallbackDelivery, GeneratedVideo
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.report import CaseCounter, count_cases

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

HUGE = str(10**30)
# As they stand in an address, already quoted.
HOSTILE_VALUES = (
    *("", "0", "-1", "-5", "2147483648", "9223372036854775808", HUGE, f"-{HUGE}", "9" * 3900),
    *("1e400", "NaN", "-Infinity", "1,2", f"1,{HUGE}", "0x10", "1_0", "%D9%A3", "%C2%B2", "True"),
    *("0001-01-01", "0000-00-00", "9999-12-31", "10000-01-01", "-5-01-01", "2026-02-30"),
    *("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.999999-14:00", "2026-01-01T25:61"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00%2B99:99"),
    *("%00", "a%00b", "%FF", "%ED%A0%80", "%F0%9F%8E%AC", "%E2%80%AE", "%", "%25s", "%0D%0A"),
    *("[", "(*", "%5C", "[]", "%7B%7D", "%5B%5B%5D%5D", "asset:1", f"asset:{HUGE}"),
    *("'%20OR%201=1--", "%3Cscript%3E", "__proto__", "pk__gt", "http://[", "..%2F..%2Fetc"),
    *("a%20" * 900, "x" * 3900, "1&{name}=2&{name}=%00"),
)
# More of them in a long run; in a short one every value is still tried at some page.
STEP = max(1, 10 // FAULTS_SIZE)
PATH_VALUES = ("0", "2147483648", "9223372036854775808", HUGE, "9" * 3900, "x", "-1", "%00", "%FF")
LOOKUPS = (
    "gt",
    "lte",
    "in",
    "isnull",
    "range",
    "regex",
    "startswith",
    "year",
    "month",
    "date",
    "x",
)
# With these a page reads its other parameters, too.
MEANINGFUL_VALUES = {"before": "2026-11-20T12:00:00Z", "through": "2026-11-20T12:00:00Z", "id": "9"}
LIST_NAMES = ("e", "o", "all", "_facets", "created_from", "created_to")  # of any admin list
LEFT_OUT = ("admin/logout/", "account/logout/")  # nothing would be asked after it
EXPECTED_STATUS = {"/readyz": 503}  # no worker runs here


def list_patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """The pattern of every address."""
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield pattern
        else:
            yield from list_patterns(entry, pattern)


PATTERNS = sorted(set(list_patterns(get_resolver())) - set(LEFT_OUT))
STUDIO_PATTERNS = [pattern for pattern in PATTERNS if not pattern.startswith("admin/")]
# By what is administered, so that several processes share the work.
ADMIN_AREAS = sorted({tuple(pattern.split("/")[1:3]) for pattern in PATTERNS} - {("",)})
AREAS = {
    "studio": STUDIO_PATTERNS,
    **{
        "/".join(area): [
            pattern
            for pattern in PATTERNS
            if pattern.startswith("admin/") and tuple(pattern.split("/")[1:3]) == area
        ]
        for area in ADMIN_AREAS
    },
}
AREAS = {area: patterns for area, patterns in AREAS.items() if patterns}


def fill_pattern(pattern: str, value: str) -> str:
    """An address of this pattern, with the value in every place but that of a model."""
    pattern = pattern.replace("<str:model_id>", VEO).replace("(?P<url>.*)$", value)
    return "/" + re.sub(r"<[^>]+>", value, re.sub(r"\^\(\?P<app_label>.*", "credits/", pattern))


class Attacker:
    """The owner, who may open everything, and what answered with a broken page."""

    def __init__(self, client: Client, counter: CaseCounter) -> None:
        self.client = client
        self.counter = counter
        self.broken: list[str] = []

    def post_bytes(self, path: str, body: bytes, content_type: str) -> int:
        """A body as it is: the client's own `post` would encode it anew."""
        return self.send("generic", "POST", path=path, data=body, content_type=content_type)

    def send(self, method: str, *arguments: str, **options) -> int:
        """The status. What the request changed is undone."""
        with transaction.atomic():
            response = getattr(self.client, method)(*arguments, **options)
            transaction.set_rollback(True)
        self.counter.cases += 1
        address = str(options.get("path", arguments[-1]))
        expected = EXPECTED_STATUS.get(address.partition("?")[0])
        if response.status_code >= 500 and response.status_code != expected:
            self.broken.append(f"{response.status_code} {method} {address[:300]} {options}"[:600])
        return int(response.status_code)


@pytest.fixture
def example(db):
    """One of everything that pages show; `owner` may open all of it."""
    owner = UserFactory(username="ada", owner=True)
    asset = AssetFactory(owner=owner)
    asset.poster = AssetFactory(owner=owner).file
    asset.save()
    rows = [
        GenerationFactory(owner=owner, state=state)
        for state in ("completed", "queued", "running", "failed", "unknown")
    ]
    GeneratedVideo.objects.create(generation=rows[0], asset=asset, position=0)
    CallbackDelivery.objects.create(generation=rows[0], received_at=NOW, size_bytes=2)
    return {"owner": owner, "generation": str(rows[0].pk), "asset": str(asset.pk)}


@pytest.fixture
def owner_client(example):
    client = Client(raise_request_exception=False)
    client.force_login(example["owner"], "django.contrib.auth.backends.ModelBackend")
    return client


def known_id(pattern: str, example) -> str:
    """The id of something that the page can show."""
    if "library" in pattern:
        return example["asset"]
    if "generation" in pattern or pattern.startswith("show"):
        return example["generation"]
    return str(example["owner"].pk) if "accounts/user" in pattern else "1"


@contextmanager
def record_names(monkeypatch) -> Iterator[set[str]]:
    """The names that are looked for in queries and forms meanwhile."""
    names: set[str] = set()

    def recording(function):
        def look_up(self, name, *args, **kwargs):
            if isinstance(self, QueryDict) and isinstance(name, str) and len(name) < 60:
                names.add(name)
            return function(self, name, *args, **kwargs)

        return look_up

    with monkeypatch.context() as patch:
        for name in ("__getitem__", "_getlist", "get", "pop"):
            patch.setattr(MultiValueDict, name, recording(getattr(MultiValueDict, name)))
        patch.setattr(MultiValueDict, "__contains__", recording(dict.__contains__), raising=False)
        yield names


def collect_names(attacker: Attacker, monkeypatch, method: str, path: str) -> set[str]:
    """What the page looks for: alone, and when it finds all of that."""
    names: set[str] = set()
    for _ in range(2):
        values = {name: MEANINGFUL_VALUES.get(name, "1") for name in names}
        with record_names(monkeypatch) as seen_names:
            if method == "post":
                attacker.send("post", path, data=values)
            else:
                attacker.send("get", f"{path}?{urlencode(values)}")
        names |= seen_names
    return names - {"csrfmiddlewaretoken"}


def choose_values(number: int) -> Iterable[str]:
    """Some of the values; others for the next number."""
    return HOSTILE_VALUES[number % STEP :: STEP]


def list_lookups(pattern: str) -> list[str]:
    """The parameters by which an admin list may be filtered: each column, each lookup."""
    names = []
    for model, model_admin in admin.site._registry.items():
        if pattern == f"admin/{model._meta.app_label}/{model._meta.model_name}/":
            filter_names = [
                entry[0] if isinstance(entry, tuple) else entry
                for entry in model_admin.list_filter
                if not isinstance(entry, type)
            ]
            columns = [field.name for field in model._meta.concrete_fields]
            for name in dict.fromkeys([*filter_names, *columns]):
                names += [name, f"{name}__id__exact", f"{name}_from", f"{name}_to"]
                names += [f"{name}__{lookup}" for lookup in LOOKUPS]
    return names


@pytest.mark.parametrize("area", AREAS)
def test_no_value_of_a_query_breaks_a_page(owner_client, example, monkeypatch, area):
    with count_cases("Hostile requests: queries") as counter:
        attacker, number = Attacker(owner_client, counter), 0
        for pattern in AREAS[area]:
            path = fill_pattern(pattern, known_id(pattern, example))
            if attacker.send("get", path) == 405:
                continue
            names = sorted(collect_names(attacker, monkeypatch, "get", path))
            known = {n: v for n, v in MEANINGFUL_VALUES.items() if n in names}
            for name in [*names, *(LIST_NAMES if pattern.count("/") == 3 else [])]:
                others = urlencode({n: v for n, v in known.items() if n != name})
                number += 1
                for value in choose_values(number):
                    query = f"{name}={value.replace('{name}', name)}"
                    attacker.send("get", f"{path}?{query}&{others}")
        assert attacker.broken == []


@pytest.mark.parametrize("area", [area for area in AREAS if area != "studio"])
def test_no_filter_of_an_admin_list_breaks_it(owner_client, area):
    with count_cases("Hostile requests: filters") as counter:
        attacker = Attacker(owner_client, counter)
        for pattern in AREAS[area]:
            for number, name in enumerate(list_lookups(pattern)):
                if number % STEP % 5 == 0:  # a fifth of them in a short run
                    for value in HOSTILE_VALUES[number % 20 :: 20]:
                        query = f"{name}={value.replace('{name}', name)}"
                        attacker.send("get", f"/{pattern}?{query}")
        assert attacker.broken == []


@pytest.mark.parametrize("area", AREAS)
def test_no_value_in_a_path_breaks_a_page(owner_client, area):
    with count_cases("Hostile requests: paths") as counter:
        attacker = Attacker(owner_client, counter)
        for pattern in AREAS[area]:
            if "<" not in pattern:
                continue
            for value in PATH_VALUES:
                for method in ("get", "post"):
                    attacker.send(method, fill_pattern(pattern, value))
        assert attacker.broken == []


@pytest.mark.parametrize("area", AREAS)
def test_no_value_of_a_form_breaks_a_page(owner_client, example, monkeypatch, area):
    with count_cases("Hostile requests: forms") as counter:
        attacker, number = Attacker(owner_client, counter), 0
        for pattern in AREAS[area]:
            path = fill_pattern(pattern, known_id(pattern, example))
            if attacker.send("post", path) == 405:
                continue
            names = sorted(collect_names(attacker, monkeypatch, "post", path))
            for name in names:
                number += 1
                for value in choose_values(number):
                    attacker.send(
                        "post",
                        path,
                        data=f"{name}={value.replace('{name}', name)}",
                        content_type="application/x-www-form-urlencoded",
                    )
        assert attacker.broken == []


HEADERS = {
    "HX-Current-URL": ("http://[", "x" * 3900, "http://a/%7f", "//", "http://a:99999/?from=1"),
    "Content-Type": (
        *(
            "text/plain; charset=latin-1",
            "text/plain; charset=utf-7",
            "x/y; charset=unicode_escape",
        ),
        *("multipart/form-data", "multipart/form-data; boundary=", "a/b; charset=", "/", ""),
    ),
    "Range": ("bytes=9-", f"bytes={HUGE}-", "bytes=" + "9" * 3900 + "-", "bytes=-0", "items=1"),
    "If-None-Match": ("*", '"', "W/", "x" * 3900),
    "If-Modified-Since": ("x", "Fri, 31 Feb 0001 99:99:99 GMT", "Thu, 01 Jan 9999999 00:00:00 GMT"),
    "Accept-Language": ("x" * 3900, "de;q=9" * 300, "*", "de-"),
    "Cookie": ("sessionid=", "sessionid=" + "x" * 3900, "csrftoken=%00", "language=../.."),
    "X-Forwarded-For": ("x", "1.1.1.1, " * 400, "::1%eth0"),
    "Content-Length": ("-1", "x", "", "1e3"),
    "Referer": ("http://[", "x" * 3900),
}
# Django itself gives up on codecs that are none of text (rot13) before a view is asked.
CHARSETS = ("utf-7", "utf-16", "unicode_escape", "raw_unicode_escape", "latin-1")


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_header_breaks_a_page(owner_client, example, method):
    with count_cases("Hostile requests: headers") as counter:
        attacker = Attacker(owner_client, counter)
        cookie = f"sessionid={owner_client.cookies['sessionid'].value}"
        patterns = [*STUDIO_PATTERNS, "admin/", "admin/generations/generation/"]
        for pattern in patterns:
            path = fill_pattern(pattern, known_id(pattern, example))
            for number, (name, values) in enumerate(HEADERS.items(), patterns.index(pattern)):
                for value in values[number % 2 :: 1 if FAULTS_SIZE > 1 else 2]:
                    headers = {"HX-Request": "true", "Cookie": cookie, name: value}
                    attacker.send(method, f"{path}?q=%FF", headers=headers)
        assert attacker.broken == []


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_encoding_of_a_form_breaks_a_page(owner_client, example, charset):
    multipart = (
        b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\\ud800+2A\xff\r\n--x--'
    )
    with count_cases("Hostile requests: encodings") as counter:
        attacker = Attacker(owner_client, counter)
        for pattern in [*STUDIO_PATTERNS, "admin/generations/generation/"]:
            path = fill_pattern(pattern, known_id(pattern, example))
            kinds = {
                f"multipart/form-data; boundary=x; charset={charset}": multipart,
                f"application/x-www-form-urlencoded; charset={charset}": b"prompt=%5Cud800",
            }
            for content_type, body in kinds.items():
                attacker.post_bytes(path, body, content_type)
            attacker.send("get", f"{path}?q=%5Cud800&before=%5Cud800", headers={
                "Content-Type": f"text/plain; charset={charset}"})  # fmt: skip
        assert attacker.broken == []
