"""Copies of files at EvoLink: uploaded once per content and reused until they expire."""

from datetime import datetime, timedelta

from asgiref.sync import sync_to_async

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.evolink.types import RemoteFile
from evolink_studio.library import filenames, storage
from evolink_studio.library.models import Asset, RemoteCopy

# A task may wait for hours at EvoLink before its pictures are read there.
MIN_REMAINING_LIFETIME = timedelta(hours=6)


def find_remote_copy(*, sha256: str, provider_key: str, now: datetime) -> RemoteCopy | None:
    """The copy of this content that is valid for six more hours at least, or None."""
    return RemoteCopy.objects.filter(
        sha256=sha256, provider_key=provider_key, expires_at__gte=now + MIN_REMAINING_LIFETIME
    ).first()


def save_remote_copy(*, sha256: str, provider_key: str, file: RemoteFile) -> RemoteCopy:
    """Save an uploaded copy; it replaces an older one of the same content."""
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


def delete_expired_copies(*, now: datetime) -> None:
    """Forget the copies that EvoLink no longer has. A new one is uploaded when one is needed."""
    RemoteCopy.objects.filter(expires_at__lt=now).delete()


async def ensure_remote_copy(
    client: EvoLinkClient, *, asset: Asset, provider_key: str, now: datetime
) -> str:
    """A URL of this file that EvoLink can read; uploads it when no copy is valid long enough.

    Free of charge, so it may be repeated. Raises RequestRejected, RateLimitError or
    ServiceUnavailableError.
    """
    copy = await sync_to_async(find_remote_copy)(
        sha256=asset.sha256, provider_key=provider_key, now=now
    )
    if copy is None:
        content = await sync_to_async(storage.read_content)(str(asset.file))
        # EvoLink sees this name, so it is not the one that the person gave the file.
        name = f"{asset.sha256[:16]}.{filenames.get_extension(asset.format)}"
        file = await client.upload_file(content, name=name, mime=asset.mime)
        copy = await sync_to_async(save_remote_copy)(
            sha256=asset.sha256, provider_key=provider_key, file=file
        )
    return copy.file_url
