"""The files API (EvoLink documentation, stated 2026-11-20).

Answers are {"success", "code", "msg", "data"}. A rejected picture is an HTTP 200 with
`success: false`, as at EvoLink.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.endpoints.generations import get_base_url
from evolink_studio.sandbox.http import require_key
from evolink_studio.sandbox.image_repository import (
    MIME_TYPES,
    ImageRepository,
    InvalidImageError,
    UploadedImage,
)
from evolink_studio.sandbox.request_parsing import parse_body
from evolink_studio.sandbox.settings import FILE_LIFETIME_SECONDS, SandboxSettings

INVALID_IMAGE_MESSAGE = "Only image/jpeg, image/png, image/gif and image/webp are supported."
URL_UPLOAD_MESSAGE = (
    "The sandbox fetches nothing from the internet. "
    "Send the file itself to /api/v1/files/upload/stream."
)


class FileEndpoints:
    def __init__(self, database: Database, settings: SandboxSettings) -> None:
        self._settings = settings
        self._images = ImageRepository(database, settings.images_dir)

    async def upload_stream(self, request: Request) -> Response:
        require_key(request)
        async with request.form(max_files=1, max_fields=8) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return _error_response("file is required.", status=400)
            content = await file.read()
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            name = fields.get("file_name") or fields.get("fileName") or file.filename or ""
        return self._store_image(
            request, content, name, original_name=file.filename or name, fields=fields
        )

    async def upload_base64(self, request: Request) -> Response:
        require_key(request)
        fields = parse_body(await request.body())
        text = fields.get("base64_data") or fields.get("base64Data")
        if not isinstance(text, str):
            return _error_response("base64_data is required.", status=400)
        encoded_text = text.partition(",")[2] if text.startswith("data:") else text
        try:
            content = base64.b64decode(encoded_text, validate=True)
        except (binascii.Error, ValueError):
            return _error_response("base64_data is not valid base64.", status=400)
        name = str(fields.get("file_name") or fields.get("fileName") or "")
        return self._store_image(request, content, name, original_name=name, fields=fields)

    async def upload_url(self, request: Request) -> Response:
        require_key(request)
        return _error_response(URL_UPLOAD_MESSAGE, status=400)

    async def get_quota(self, request: Request) -> Response:
        require_key(request)
        used_files, max_files = self._images.count(), self._settings.max_files
        return _success_response(
            {
                "user_group": "default",
                "used_files": used_files,
                "max_files": max_files,
                "remain_files": max(0, max_files - used_files),
                "is_custom": False,
                "quota_reason": "",
            }
        )

    async def delete_file(self, request: Request) -> Response:
        require_key(request)
        if not self._images.remove(request.path_params["file_id"]):
            return _error_response("The file does not exist.", status=404)
        return _success_response(None, "File deleted successfully")

    def _store_image(
        self,
        request: Request,
        content: bytes,
        name: str,
        *,
        original_name: str,
        fields: dict[str, Any],
    ) -> Response:
        if self._images.count() >= self._settings.max_files:
            return _error_response("The file quota is exhausted.")
        try:
            image = self._images.add(content, name)
        except InvalidImageError:
            return _error_response(INVALID_IMAGE_MESSAGE)
        folder = str(fields.get("upload_path") or fields.get("uploadPath") or "images")
        base_url = get_base_url(request, self._settings)
        return _success_response(
            _serialize_image(image, base_url, original_name, folder), "File uploaded successfully"
        )


def _serialize_image(
    image: UploadedImage, base_url: str, original_name: str, folder: str
) -> dict[str, Any]:
    url = f"{base_url}/files/{image.id}/{image.name}"
    return {
        "file_id": image.id,
        "file_name": image.name,
        "original_name": original_name[:200] or image.name,
        "file_size": image.size_bytes,
        "mime_type": MIME_TYPES[image.format],
        "upload_path": folder[:200],
        "file_url": url,
        "download_url": url,
        "upload_time": _format_time(image.expires_at - FILE_LIFETIME_SECONDS),
        "expires_at": _format_time(image.expires_at),
    }


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _success_response(data: object, message: str = "success") -> Response:
    return JSONResponse({"success": True, "code": 200, "msg": message, "data": data})


def _error_response(message: str, *, status: int = 200) -> Response:
    code = 400 if status == 200 else status
    return JSONResponse({"success": False, "code": code, "msg": message, "data": None}, status)
