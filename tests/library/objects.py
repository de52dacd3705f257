"""An S3 store on loopback that answers only what is rightly signed, as S3's documentation says.

    with ObjectStore() as store:
        ...                     # at store.url, bucket store.bucket
        store.objects["a/b"]    # what was put there: content and type

Signatures are worked out here anew (AWS Signature Version 4, header and query form). Just enough of
the rest: put, in parts too, get with ranges, head, delete, list.
"""

import hashlib
import hmac
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS, SECRET, REGION = "an-access-key", "a-secret-key-of-the-store", "eu-test-1"
OVERRIDES = ("content-type", "content-disposition", "cache-control")


@dataclass(frozen=True)
class Stored:
    content: bytes
    mime: str
    changed: datetime


class ObjectStore:
    """Context manager. `ahead` sets its clock forward; `away` makes it answer 503."""

    def __init__(self) -> None:
        self.bucket = "films"
        self.objects: dict[str, Stored] = {}
        self.parts: dict[str, dict[int, bytes]] = {}  # of uploads under way, by their number
        self.asked: list[str] = []
        self.ahead = timedelta(0)
        self.away = False
        store = self

        class Handler(_Handler):
            pass

        Handler.store = store
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class _Handler(BaseHTTPRequestHandler):
    store: ObjectStore
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._act(lambda key: self._put(key, body))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._act(self._put_together)

    def do_GET(self) -> None:
        self._act(lambda key: self._get(key) if key else self._list())

    def do_HEAD(self) -> None:
        self._act(self._get)

    def do_DELETE(self) -> None:
        self._act(self._delete)

    def _act(self, act) -> None:
        self.store.asked.append(f"{self.command} {self.path}")
        if self.store.away:
            self._say(503)
        elif not _is_signed(self, self.store.now):
            self._say(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        else:
            bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
            assert bucket == self.store.bucket
            act(key)

    def _put(self, key: str, body: bytes) -> None:
        given = self._given()
        if "uploadId" in given:
            self.store.parts[given["uploadId"]][int(given["partNumber"])] = body
        else:
            self.store.objects[key] = Stored(body, self.headers["Content-Type"], self.store.now)
        self._say(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _put_together(self, key: str) -> None:
        """The beginning or the end of an upload in parts."""
        given = self._given()
        if "uploads" in given:
            number = f"{len(self.store.parts)}.{self.headers['Content-Type']}"
            self.store.parts[number] = {}
            name = "InitiateMultipartUploadResult"
            self._say(200, f"<{name}><UploadId>{number}</UploadId></{name}>".encode())
            return
        parts = self.store.parts.pop(given["uploadId"])
        content = b"".join(body for _, body in sorted(parts.items()))
        mime = given["uploadId"].partition(".")[2]
        self.store.objects[key] = Stored(content, mime, self.store.now)
        self._say(200, b"<CompleteMultipartUploadResult/>")

    def _given(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def _delete(self, key: str) -> None:
        self.store.objects.pop(key, None)
        self._say(204)

    def _get(self, key: str) -> None:
        stored = self.store.objects.get(key)
        if stored is None:
            self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        given = self._given()
        headers = {"Content-Type": stored.mime, "Accept-Ranges": "bytes"}
        headers["Last-Modified"] = format_datetime(stored.changed, usegmt=True)
        wished = {n: given[f"response-{n}"] for n in OVERRIDES if f"response-{n}" in given}
        headers |= {name.title(): value for name, value in wished.items()}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            self._say(200, stored.content, headers)
            return
        first, last = int(span[1]), int(span[2] or len(stored.content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(stored.content)}"
        self._say(206, stored.content[first : last + 1], headers)

    def _list(self) -> None:
        prefix = self._given().get("prefix", "")
        found = "".join(
            f"<Contents><Key>{escape(quote(key))}</Key><Size>{len(stored.content)}</Size></Contents>"
            for key, stored in sorted(self.store.objects.items())
            if key.startswith(prefix) and "/" not in key.removeprefix(prefix)
        )
        head = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        text = f"<ListBucketResult>{head}{found}</ListBucketResult>"
        self._say(200, text.encode(), {"Content-Type": "application/xml"})

    def _say(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_signed(request: _Handler, now: datetime) -> bool:
    """Whether this very request was signed with our secret, and is still good."""
    url = urlsplit(request.path)
    query = parse_qsl(url.query, keep_blank_values=True)
    given = dict(query)
    if "X-Amz-Signature" in given:
        begun = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if now > begun + timedelta(seconds=int(given["X-Amz-Expires"])):
            return False
        query = [pair for pair in query if pair[0] != "X-Amz-Signature"]
        scope, moment, payload = given["X-Amz-Credential"], given["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        names, signature = given["X-Amz-SignedHeaders"], given["X-Amz-Signature"]
    else:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(.+), SignedHeaders=(.+), Signature=(.+)",
            request.headers.get("Authorization", ""),
        )
        if found is None:
            return False
        scope, names, signature = found.groups()
        moment, payload = request.headers["X-Amz-Date"], request.headers["X-Amz-Content-SHA256"]
    access, _, scope = scope.partition("/")
    headers = "".join(f"{n}:{' '.join(request.headers[n].split())}\n" for n in names.split(";"))
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    asked = "&".join(f"{name}={value}" for name, value in pairs)
    canonical = "\n".join([request.command, url.path, asked, headers, names, payload])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    right = _signature(scope, "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest]))
    return access == ACCESS and REGION in scope and hmac.compare_digest(right, signature)


def _signature(scope: str, text: str) -> str:
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
