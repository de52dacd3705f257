"""What is believed of the headers that a proxy adds: as many addresses as there are proxies."""

import os
import subprocess
import sys

import pytest
from allauth.account.adapter import get_adapter
from django.test import RequestFactory

from evolink_studio.environment import ROOT


def client_address(settings, trusted_proxies: int, forwarded_for: str | None) -> str:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted_proxies
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for}
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", headers=headers)
    return str(get_adapter().get_client_ip(request))


@pytest.mark.parametrize("forwarded_for", [None, "1.1.1.1", "1.1.1.1, 2.2.2.2"])
def test_without_a_proxy_nobody_can_say_where_they_come_from(settings, forwarded_for):
    assert client_address(settings, 0, forwarded_for) == "10.0.0.9"


@pytest.mark.parametrize("said", ["", "1.1.1.1, ", "127.0.0.1, 1.1.1.1, "])
def test_behind_a_proxy_only_the_address_that_it_saw_counts(settings, said):
    """`X-Forwarded-For` as nginx.conf makes it: what the client said of itself, then the truth."""
    assert client_address(settings, 1, f"{said}203.0.113.7") == "203.0.113.7"


def test_behind_two_proxies_it_is_the_address_that_the_first_of_them_saw(settings):
    assert client_address(settings, 2, "1.1.1.1, 203.0.113.7, 10.0.0.8") == "203.0.113.7"


@pytest.mark.parametrize(
    ("trusted_proxies", "expected"), [("0", "None"), ("1", "('HTTP_X_FORWARDED_PROTO', 'https')")]
)
def test_whether_it_was_https_is_believed_of_a_proxy_alone(tmp_path, trusted_proxies, expected):
    env = {**os.environ, "STUDIO_DATA": str(tmp_path), "TRUSTED_PROXIES": trusted_proxies}
    code = "import evolink_studio.settings as s; print(s.SECURE_PROXY_SSL_HEADER)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert result.stdout.strip() == expected
