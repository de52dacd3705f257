"""Requests to addresses that people gave: to a checked address, following nothing."""

import asyncio
from collections.abc import Mapping

import httpx

from evolink_studio.evolink.errors import (
    RequestRejected,
    ServiceUnavailableError,
    UnsafeUrlError,
)
from evolink_studio.evolink.transport import temporary_client
from evolink_studio.evolink.url_safety import (
    ResolvedUrl,
    Resolver,
    resolve_host,
    resolve_public_url,
)


async def send_to_public_url(
    client: httpx.AsyncClient,
    resolved_url: ResolvedUrl,
    *,
    method: str = "GET",
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> httpx.Response:
    """Send it to the first checked address that accepts a connection. The body is not read."""
    request_headers = {**headers, "Host": resolved_url.url.netloc.decode("ascii")}
    host = resolved_url.url.raw_host.decode("ascii")
    for number, address in enumerate(resolved_url.addresses, start=1):
        url = resolved_url.url.copy_with(host=address, fragment=None)
        request = client.build_request(
            method,
            url,
            headers=request_headers,
            content=content,
            extensions={"sni_hostname": host},
        )
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if number == len(resolved_url.addresses):
                raise
    raise AssertionError("a resolved URL has at least one address")


async def post_to_public_url(
    url: str,
    content: bytes,
    *,
    headers: Mapping[str, str],
    deadline: float,
    resolver: Resolver = resolve_host,
) -> None:
    """POST `content` once, within `deadline` seconds; any answer below 300 means that it arrived.

    Nothing of the answer but its status is read. Raises UnsafeUrlError for an address of a private
    network, RequestRejected for another status, ServiceUnavailableError when nobody answered.
    """
    try:
        async with asyncio.timeout(deadline), temporary_client() as client:
            resolved_url = await resolve_public_url(url, resolver=resolver)
            response = await send_to_public_url(
                client, resolved_url, method="POST", headers=headers, content=content
            )
            await response.aclose()
    except TimeoutError as error:
        raise ServiceUnavailableError(f"No answer within {deadline:g} s") from error
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UnsafeUrlError("The link cannot be read") from error
    except httpx.HTTPError as error:
        raise ServiceUnavailableError(f"Not reached: {type(error).__name__}") from error
    if response.status_code >= 300:
        raise RequestRejected(f"Answered {response.status_code}", response.status_code)
