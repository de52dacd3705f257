"""An S3 store on loopback that answers only what is rightly signed, as S3's documentation says.

    with FakeS3() as store:
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

ACCESS_KEY, SECRET_KEY, REGION = "an-access-key", "a-secret-key-of-the-store", "eu-test-1"
RESPONSE_OVERRIDES = ("content-type", "content-disposition", "cache-control")


@dataclass(frozen=True)
class StoredObject:
    content: bytes
    mime: str
    modified_at: datetime


class FakeS3:
    """Context manager. `clock_offset` moves its clock; `is_unavailable` makes it answer 503."""

    def __init__(self) -> None:
        self.bucket = "films"
        self.objects: dict[str, StoredObject] = {}
        self.upload_parts: dict[str, dict[int, bytes]] = {}  # of uploads under way, by their number
        self.requests: list[str] = []
        self.clock_offset = timedelta(0)
        self.is_unavailable = False
        store = self

        class Handler(_S3RequestHandler):
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
        return datetime.now(UTC) + self.clock_offset


class _S3RequestHandler(BaseHTTPRequestHandler):
    store: FakeS3
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._handle(lambda key: self._put_object(key, body))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._handle(self._handle_multipart)

    def do_GET(self) -> None:
        self._handle(lambda key: self._get_object(key) if key else self._list_objects())

    def do_HEAD(self) -> None:
        self._handle(self._get_object)

    def do_DELETE(self) -> None:
        self._handle(self._delete_object)

    def _handle(self, action) -> None:
        self.store.requests.append(f"{self.command} {self.path}")
        if self.store.is_unavailable:
            self._respond(503)
        elif not _is_signed(self, self.store.now):
            self._respond(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        else:
            bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
            assert bucket == self.store.bucket
            action(key)

    def _put_object(self, key: str, body: bytes) -> None:
        params = self._query_params()
        if "uploadId" in params:
            self.store.upload_parts[params["uploadId"]][int(params["partNumber"])] = body
        else:
            self.store.objects[key] = StoredObject(
                body, self.headers["Content-Type"], self.store.now
            )
        self._respond(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _handle_multipart(self, key: str) -> None:
        """The beginning or the end of an upload in parts."""
        params = self._query_params()
        if "uploads" in params:
            number = f"{len(self.store.upload_parts)}.{self.headers['Content-Type']}"
            self.store.upload_parts[number] = {}
            name = "InitiateMultipartUploadResult"
            self._respond(200, f"<{name}><UploadId>{number}</UploadId></{name}>".encode())
            return
        parts = self.store.upload_parts.pop(params["uploadId"])
        content = b"".join(body for _, body in sorted(parts.items()))
        mime = params["uploadId"].partition(".")[2]
        self.store.objects[key] = StoredObject(content, mime, self.store.now)
        self._respond(200, b"<CompleteMultipartUploadResult/>")

    def _query_params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def _delete_object(self, key: str) -> None:
        self.store.objects.pop(key, None)
        self._respond(204)

    def _get_object(self, key: str) -> None:
        stored_object = self.store.objects.get(key)
        if stored_object is None:
            self._respond(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        params = self._query_params()
        headers = {"Content-Type": stored_object.mime, "Accept-Ranges": "bytes"}
        headers["Last-Modified"] = format_datetime(stored_object.modified_at, usegmt=True)
        overrides = {
            n: params[f"response-{n}"] for n in RESPONSE_OVERRIDES if f"response-{n}" in params
        }
        headers |= {name.title(): value for name, value in overrides.items()}
        range_match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if range_match is None:
            self._respond(200, stored_object.content, headers)
            return
        first, last = int(range_match[1]), int(range_match[2] or len(stored_object.content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(stored_object.content)}"
        self._respond(206, stored_object.content[first : last + 1], headers)

    def _list_objects(self) -> None:
        prefix = self._query_params().get("prefix", "")
        contents = "".join(
            f"<Contents><Key>{escape(quote(key))}</Key><Size>{len(stored_object.content)}</Size></Contents>"
            for key, stored_object in sorted(self.store.objects.items())
            if key.startswith(prefix) and "/" not in key.removeprefix(prefix)
        )
        head = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        text = f"<ListBucketResult>{head}{contents}</ListBucketResult>"
        self._respond(200, text.encode(), {"Content-Type": "application/xml"})

    def _respond(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_signed(request: _S3RequestHandler, now: datetime) -> bool:
    """Whether this very request was signed with our secret, and is still good."""
    url = urlsplit(request.path)
    query = parse_qsl(url.query, keep_blank_values=True)
    params = dict(query)
    if "X-Amz-Signature" in params:
        signed_at = datetime.strptime(params["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if now > signed_at + timedelta(seconds=int(params["X-Amz-Expires"])):
            return False
        query = [pair for pair in query if pair[0] != "X-Amz-Signature"]
        scope, moment, payload = (
            params["X-Amz-Credential"],
            params["X-Amz-Date"],
            "UNSIGNED-PAYLOAD",
        )
        names, signature = params["X-Amz-SignedHeaders"], params["X-Amz-Signature"]
    else:
        header_match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(.+), SignedHeaders=(.+), Signature=(.+)",
            request.headers.get("Authorization", ""),
        )
        if header_match is None:
            return False
        scope, names, signature = header_match.groups()
        moment, payload = request.headers["X-Amz-Date"], request.headers["X-Amz-Content-SHA256"]
    access, _, scope = scope.partition("/")
    headers = "".join(f"{n}:{' '.join(request.headers[n].split())}\n" for n in names.split(";"))
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    canonical_query = "&".join(f"{name}={value}" for name, value in pairs)
    canonical = "\n".join([request.command, url.path, canonical_query, headers, names, payload])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    expected = _sign_text(scope, "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest]))
    return access == ACCESS_KEY and REGION in scope and hmac.compare_digest(expected, signature)


def _sign_text(scope: str, text: str) -> str:
    key = b"AWS4" + SECRET_KEY.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
