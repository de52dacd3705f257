"""Copies of files at EvoLink: made once per content and used again while they live."""

from datetime import datetime, timedelta

from asgiref.sync import sync_to_async

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.types import RemoteFile
from evolink_studio.library import filenames, storage
from evolink_studio.library.models import Asset, RemoteCopy

# A task may wait for hours at EvoLink before its pictures are read there.
MIN_REMAINING_LIFETIME = timedelta(hours=6)


def find_remote_copy(*, sha256: str, provider_key: str, now: datetime) -> RemoteCopy | None:
    """The copy of this content that lives for six more hours at least, if there is one."""
    return RemoteCopy.objects.filter(
        sha256=sha256, provider_key=provider_key, expires_at__gte=now + MIN_REMAINING_LIFETIME
    ).first()


def save_remote_copy(*, sha256: str, provider_key: str, file: RemoteFile) -> RemoteCopy:
    """Remember an uploaded copy, in place of an older one of the same content."""
    copy, _ = RemoteCopy.objects.update_or_create(
        sha256=sha256,
        provider_key=provider_key,
        defaults={
            "file_id": file.file_id[:200],
            "file_url": file.file_url,
            "expires_at": file.expires_at,
        },
    )
    return copy


async def ensure_remote_copy(
    client: EvoLinkClient, *, asset: Asset, provider_key: str, now: datetime
) -> str:
    """An address of this file that EvoLink can read; uploads it when no copy lives long enough.

    Free of charge, so it may be repeated. Raises Refused, RateLimited or Unavailable.
    """
    copy = await sync_to_async(find_remote_copy)(
        sha256=asset.sha256, provider_key=provider_key, now=now
    )
    if copy is None:
        content = await sync_to_async(storage.read_content)(str(asset.file))
        # The name is seen at EvoLink: what a person calls a file is nobody's business there.
        name = f"{asset.sha256[:16]}.{filenames.get_extension(asset.format)}"
        file = await client.upload_file(content, name=name, mime=asset.mime)
        copy = await sync_to_async(save_remote_copy)(
            sha256=asset.sha256, provider_key=provider_key, file=file
        )
    return copy.file_url
