"""Adding a picture by its address."""

import pytest

from evolink_studio.library.models import Asset
from tests.provider_replies import Reply, make_redirect_reply, make_silent_reply
from tests.sample_images import make_image


@pytest.fixture
def configured_provider(settings, fake_provider):
    """The provider that the settings name."""
    settings.EVOLINK_API_URL = settings.EVOLINK_FILES_URL = fake_provider.url
    return fake_provider


def post_url_import(client, url, **data):
    return client.post("/library/from-address", {"url": url, **data})


def test_a_picture_is_fetched_from_the_provider_that_the_settings_name(
    owner_client, configured_provider
):
    url = configured_provider.serve_file(
        "/made/big%20cat.png?sig=1".partition("?")[0], make_image(), mime="text/html"
    )
    data = post_url_import(owner_client, url).json()
    assert (data["name"], data["format"]) == ("big cat.png", "png")
    assert Asset.objects.get().origin == "link"


def test_a_machine_of_our_own_network_is_not_asked(owner_client, fake_provider):
    reply = post_url_import(owner_client, fake_provider.serve_file("/secret.png", make_image()))
    assert reply.status_code == 400
    assert "only public" in reply.json()["error"]
    assert fake_provider.connection_count == 0
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
def test_addresses_that_are_no_public_web_address_are_refused(owner_client, url):
    reply = post_url_import(owner_client, url)
    assert reply.status_code == 400
    assert "Nothing was sent or charged" in reply.json()["error"]


def test_an_address_that_leads_on_to_another_is_refused(owner_client, configured_provider):
    configured_provider.files["/go"] = make_redirect_reply("http://169.254.169.254/")
    reply = post_url_import(owner_client, configured_provider.url + "/go")
    assert reply.status_code == 400
    assert configured_provider.connection_count == 1


def test_a_page_instead_of_a_picture_is_refused(owner_client, configured_provider):
    reply = post_url_import(
        owner_client,
        configured_provider.serve_file("/cat.png", b"<html>hello</html>", mime="image/png"),
    )
    assert reply.status_code == 400
    assert "not a picture" in reply.json()["error"]


def test_an_address_where_nothing_is_says_so(owner_client, configured_provider):
    assert (
        "There is no file"
        in post_url_import(owner_client, configured_provider.url + "/gone").json()["error"]
    )


def test_an_address_that_is_busy_says_so(owner_client, configured_provider):
    configured_provider.media.reply_always(Reply(503))
    assert (
        "Try again"
        in post_url_import(owner_client, configured_provider.url + "/busy").json()["error"]
    )


def test_an_address_that_never_answers_is_given_up(owner_client, configured_provider, monkeypatch):
    monkeypatch.setattr("evolink_studio.library.url_import.FETCH_DEADLINE_SECONDS", 0.2)
    configured_provider.media.reply_always(make_silent_reply())
    assert (
        "did not answer"
        in post_url_import(owner_client, configured_provider.url + "/mute").json()["error"]
    )


def test_a_file_that_is_too_heavy_is_not_fetched(owner_client, configured_provider, settings):
    settings.MAX_UPLOAD_BYTES = 1024**2
    reply = post_url_import(
        owner_client, configured_provider.serve_file("/big.png", bytes(2 * 1024**2))
    )
    assert reply.status_code == 413
    assert "larger than 1 MB" in reply.json()["error"]
