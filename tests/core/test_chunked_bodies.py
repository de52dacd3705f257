"""Bodies without a length: read as they are, or refused with a true sentence."""

import io

import pytest
from django.core.handlers.wsgi import WSGIRequest

from evolink_studio.core.chunked_bodies import read_chunked_bodies

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data; boundary=B"


class BrokenBody:
    """A body whose connection ends within a chunk."""

    def read(self, size=-1):
        raise OSError("No more data")


def post(content, content_type=FORM_TYPE, *, body=None, **environ):
    """Status, headers and body of the answer; the application answers with the request's form."""
    answers = []

    def application(environ, start_response):
        request = WSGIRequest(environ)
        text = f"{sorted(request.POST.items())} {len(request.body) if not request.POST else ''}"
        start_response("200 OK", [])
        return [text.encode()]

    given_environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "CONTENT_TYPE": content_type,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": body or io.BytesIO(content),
        "wsgi.input_terminated": True,
        **environ,
    }
    output = read_chunked_bodies(application)(
        given_environ, lambda status, headers: answers.append((status, dict(headers)))
    )
    return (*answers[0], b"".join(output).decode())


@pytest.mark.parametrize("encoding", ["chunked", "Chunked", "gzip, chunked"])
def test_a_form_in_chunks_is_read(encoding):
    status, _, text = post(b"prompt=a+cat&n=2", HTTP_TRANSFER_ENCODING=encoding)
    assert status == "200 OK"
    assert "[('n', '2'), ('prompt', 'a cat')]" in text


def test_a_form_with_parts_in_chunks_is_read():
    content = b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na cat\r\n--B--\r\n'
    status, _, text = post(content, MULTIPART_TYPE)
    assert status == "200 OK"
    assert "[('prompt', 'a cat')]" in text


def test_a_body_that_is_no_form_is_whole():
    assert post(b"x" * 1000, "application/json")[2].endswith("1000")


def test_a_form_that_is_too_large_is_never_read_in_part(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(b"prompt=" + b"x" * 900)[0] == "200 OK"
    status, headers, text = post(b"prompt=" + b"x" * 1000)
    assert status == "413 Content Too Large"
    assert "Connection" not in headers  # that is the server's
    assert "Nothing was sent or charged" in text


def test_a_form_that_breaks_off_is_refused():
    status, _, text = post(b"", body=BrokenBody())
    assert status.startswith("413")
    assert "not read to its end" in text


def test_parts_beyond_every_limit_are_not_read_in_part(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.MAX_UPLOAD_BYTES = 1000
    inputs = []

    def application(environ, start_response):
        inputs.append(environ["wsgi.input"])
        return []

    for content in (b"x" * 2000, b"x" * 2001):
        environ = {
            "CONTENT_TYPE": MULTIPART_TYPE,
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": io.BytesIO(content),
            "wsgi.input_terminated": True,
        }
        read_chunked_bodies(application)(environ, lambda status, headers: None)
    fitting_input, larger_input = inputs
    assert len(fitting_input.read()) == 2000
    with pytest.raises(OSError, match="larger than its limit"):
        larger_input.read()


def test_a_server_that_does_not_know_the_end_asks_for_a_length():
    status, _, text = post(b"prompt=x", **{"wsgi.input_terminated": False})
    assert status == "411 Length Required"
    assert "Content-Length" in text


def test_a_body_with_a_length_is_left_alone():
    status, _, text = post(b"a=1&b=2", HTTP_TRANSFER_ENCODING="", CONTENT_LENGTH="3")
    assert status == "200 OK"
    assert "[('a', '1')]" in text


def test_the_web_server_uses_it():
    from evolink_studio.wsgi import application

    statuses = []
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"")}
    application(environ, lambda status, headers: statuses.append(status))
    assert statuses == ["411 Length Required"]
