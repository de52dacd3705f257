"""The request of a generation as code that a person can run: what the studio sends to EvoLink.

Without three things that belong to the one press: the key of the account, the address of its
callback, and the key against sending it twice. Files stand as addresses to be replaced, because
those that EvoLink read have ended.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pprint import pformat
from urllib.parse import quote

from django.conf import settings

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import FormData

PUBLIC_API_URL = "https://api.evolink.ai"
CREATE_PATH = "/v1/videos/generations"
FILE_URL_PREFIX = "https://example.com/"

_CURL = """\
curl {url} \\
  --header "Authorization: Bearer $EVOLINK_API_KEY" \\
  --header 'Content-Type: application/json' \\
  --data-binary @- <<'JSON'
{payload}
JSON
"""
_PYTHON = """\
import os

import httpx

response = httpx.post(
    "{url}",
    headers={{"Authorization": "Bearer " + os.environ["EVOLINK_API_KEY"]}},
    json={payload},
    timeout=60,
)
response.raise_for_status()
print(response.json())
"""


@dataclass(frozen=True)
class RequestCode:
    """The same request for a shell and for Python. `has_files`: it names addresses to replace."""

    curl: str
    python: str
    has_files: bool


def build_request_code(generation: Generation, form_data: FormData) -> RequestCode | None:
    """The request of its settings. None when the model's rules of today refuse them. No query."""
    spec = SPECS.get(generation.model_id)
    request = spec.evaluate(form_data.values).request if spec else None
    if spec is None or request is None:
        return None
    urls = {
        ref: FILE_URL_PREFIX + quote(asset.name, safe="") for ref, asset in form_data.assets.items()
    }
    payload = spec.build_payload(request, urls)
    return RequestCode(
        curl=_CURL.format(url=_get_url(), payload=_to_json(payload)),
        python=_PYTHON.format(url=_get_url(), payload=_to_python(payload)),
        has_files=bool(urls),
    )


def _get_url() -> str:
    """Where EvoLink takes it. The sandbox's address serves nobody outside of this machine."""
    base_url = PUBLIC_API_URL if settings.SANDBOXED else settings.EVOLINK_API_URL.rstrip("/")
    return f"{base_url}{CREATE_PATH}"


def _to_json(payload: Mapping[str, object]) -> str:
    """Line breaks in a text are escaped, so no line of it ends the document of the shell."""
    return json.dumps(payload, indent=2, ensure_ascii=False)


def _to_python(payload: Mapping[str, object]) -> str:
    lines = pformat(payload, sort_dicts=False, width=84).splitlines()
    return "\n    ".join(lines)
