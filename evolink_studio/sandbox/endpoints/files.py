"""The files API (EvoLink documentation, stated 2026-11-20).

Answers are {"success", "code", "msg", "data"}. A refused picture is an HTTP 200 with
`success: false`: EvoLink does that too, and a client must look.
"""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.endpoints.generations import base_url_of
from evolink_studio.sandbox.http import require_key
from evolink_studio.sandbox.image_repository import MIMES, NotAPicture, Pictures, Upload
from evolink_studio.sandbox.request_parsing import read_body
from evolink_studio.sandbox.settings import FILE_LIFE, SandboxSettings

NOT_A_PICTURE = "Only image/jpeg, image/png, image/gif and image/webp are supported."
NO_FETCHING = (
    "The sandbox fetches nothing from the internet. "
    "Send the file itself to /api/v1/files/upload/stream."
)


class Uploads:
    def __init__(self, store: Store, settings: SandboxSettings) -> None:
        self._settings = settings
        self._pictures = Pictures(store, settings.pictures_dir)

    async def stream(self, request: Request) -> Response:
        require_key(request)
        async with request.form(max_files=1, max_fields=8) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return _refused("file is required.", http=400)
            content = await file.read()
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            name = fields.get("file_name") or fields.get("fileName") or file.filename or ""
        return self._keep(request, content, name, original=file.filename or name, fields=fields)

    async def base64(self, request: Request) -> Response:
        require_key(request)
        fields = read_body(await request.body())
        text = fields.get("base64_data") or fields.get("base64Data")
        if not isinstance(text, str):
            return _refused("base64_data is required.", http=400)
        encoded = text.partition(",")[2] if text.startswith("data:") else text
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return _refused("base64_data is not valid base64.", http=400)
        name = str(fields.get("file_name") or fields.get("fileName") or "")
        return self._keep(request, content, name, original=name, fields=fields)

    async def url(self, request: Request) -> Response:
        require_key(request)
        return _refused(NO_FETCHING, http=400)

    async def quota(self, request: Request) -> Response:
        require_key(request)
        used, most = self._pictures.count(), self._settings.most_files
        return _answer(
            {
                "user_group": "default",
                "used_files": used,
                "max_files": most,
                "remain_files": max(0, most - used),
                "is_custom": False,
                "quota_reason": "",
            }
        )

    async def remove(self, request: Request) -> Response:
        require_key(request)
        if not self._pictures.remove(request.path_params["file_id"]):
            return _refused("The file does not exist.", http=404)
        return _answer(None, "File deleted successfully")

    def _keep(
        self,
        request: Request,
        content: bytes,
        name: str,
        *,
        original: str,
        fields: dict[str, Any],
    ) -> Response:
        if self._pictures.count() >= self._settings.most_files:
            return _refused("The file quota is exhausted.")
        try:
            upload = self._pictures.add(content, name)
        except NotAPicture:
            return _refused(NOT_A_PICTURE)
        folder = str(fields.get("upload_path") or fields.get("uploadPath") or "images")
        base_url = base_url_of(request, self._settings)
        return _answer(_described(upload, base_url, original, folder), "File uploaded successfully")


def _described(upload: Upload, base_url: str, original: str, folder: str) -> dict[str, Any]:
    link = f"{base_url}/files/{upload.id}/{upload.name}"
    return {
        "file_id": upload.id,
        "file_name": upload.name,
        "original_name": original[:200] or upload.name,
        "file_size": upload.bytes,
        "mime_type": MIMES[upload.format],
        "upload_path": folder[:200],
        "file_url": link,
        "download_url": link,
        "upload_time": _time(upload.expires_at - FILE_LIFE),
        "expires_at": _time(upload.expires_at),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _answer(data: object, message: str = "success") -> Response:
    return JSONResponse({"success": True, "code": 200, "msg": message, "data": data})


def _refused(message: str, *, http: int = 200) -> Response:
    code = 400 if http == 200 else http
    return JSONResponse({"success": False, "code": code, "msg": message, "data": None}, http)
