"""Adding a picture by its address."""

import pytest

from evolink_studio.library.models import Asset
from tests.answers import Reply, redirect, silence
from tests.farend import FarEnd
from tests.pictures import picture


@pytest.fixture
def far():
    with FarEnd() as running:
        yield running


@pytest.fixture
def named(settings, far):
    """The far end that the settings name."""
    settings.EVOLINK_API_URL = settings.EVOLINK_FILES_URL = far.url
    return far


def ask(client, url, **more):
    return client.post("/library/from-address", {"url": url, **more})


def test_a_picture_is_fetched_from_the_far_end_that_the_settings_name(owned, named):
    url = named.serve("/made/big%20cat.png?sig=1".partition("?")[0], picture(), mime="text/html")
    answered = ask(owned, url).json()
    assert (answered["name"], answered["format"]) == ("big cat.png", "png")
    assert Asset.objects.get().origin == "link"


def test_a_machine_of_our_own_network_is_not_asked(owned, far):
    reply = ask(owned, far.serve("/secret.png", picture()))
    assert reply.status_code == 400
    assert "only public" in reply.json()["error"]
    assert far.connections == 0
    assert not Asset.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/cat.png",
        "http://localhost/cat.png",
        "http://0x7f.1/cat.png",
        "file:///etc/passwd",
        "ftp://example.org/cat.png",
        "javascript:alert(1)",
        "http://user:secret@93.184.215.14/",
        "cat.png",
        "",
        "http://" + "x" * 3000,
    ],
)
def test_addresses_that_are_no_public_web_address_are_refused(owned, url):
    reply = ask(owned, url)
    assert reply.status_code == 400
    assert "Nothing was sent or charged" in reply.json()["error"]


def test_an_address_that_leads_on_to_another_is_refused(owned, named):
    named.files["/go"] = redirect("http://169.254.169.254/")
    reply = ask(owned, named.url + "/go")
    assert reply.status_code == 400
    assert named.connections == 1


def test_a_page_instead_of_a_picture_is_refused(owned, named):
    reply = ask(owned, named.serve("/cat.png", b"<html>hello</html>", mime="image/png"))
    assert reply.status_code == 400
    assert "not a picture" in reply.json()["error"]


def test_an_address_where_nothing_is_says_so(owned, named):
    assert "There is no file" in ask(owned, named.url + "/gone").json()["error"]


def test_an_address_that_is_busy_says_so(owned, named):
    named.media.always(Reply(503))
    assert "Try again" in ask(owned, named.url + "/busy").json()["error"]


def test_an_address_that_never_answers_is_given_up(owned, named, monkeypatch):
    monkeypatch.setattr("evolink_studio.library.url_import.FETCH_DEADLINE_SECONDS", 0.2)
    named.media.always(silence())
    assert "did not answer" in ask(owned, named.url + "/mute").json()["error"]


def test_a_file_that_is_too_heavy_is_not_fetched(owned, named, settings):
    settings.MAX_UPLOAD_BYTES = 1024**2
    reply = ask(owned, named.serve("/big.png", bytes(2 * 1024**2)))
    assert reply.status_code == 413
    assert "larger than 1 MB" in reply.json()["error"]
