"""Who may call: any key, except the one that plays a revoked key."""

from starlette.requests import Request

from evolink_studio.sandbox.errors import unauthorized

REVOKED_KEY = "sk-evo-revoked"


def require_key(request: Request, *, old_endpoint: bool = False) -> None:
    """Raises ApiError 401 unless the request carries `Authorization: Bearer <key>`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == REVOKED_KEY:
        raise unauthorized(old_endpoint=old_endpoint)
