"""Error responses (EvoLink documentation, stated 2026-11-20).

{"error": {"code": "invalid_parameter", "message": "...", "type": "...", "param": "duration"}}
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse


class ApiError(Exception):
    """Ends a request with the documented error body."""

    def __init__(
        self,
        status: int,
        code: str | int,
        message: str,
        *,
        error_type: str = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.error_type = error_type
        self.param = param
        self.headers = headers

    def to_response(self) -> JSONResponse:
        error = {"code": self.code, "message": self.message, "type": self.error_type}
        if self.param is not None:
            error["param"] = self.param
        return JSONResponse({"error": error}, self.status, headers=self.headers)


def invalid_request_error(message: str, param: str | None = None) -> ApiError:
    return ApiError(400, "invalid_request", message, param=param)


def invalid_parameter_error(param: str, message: str) -> ApiError:
    return ApiError(400, "invalid_parameter", message, param=param)


def missing_parameter_error(param: str, message: str) -> ApiError:
    return ApiError(400, "missing_required_params", message, param=param)


def content_policy_error() -> ApiError:
    return ApiError(
        400,
        "content_policy_violation",
        "The prompt was refused by the safety policy.",
        param="prompt",
    )


def idempotency_conflict_error() -> ApiError:
    return ApiError(
        409, "idempotency_conflict", "This Idempotency-Key was used with another request body."
    )


def outcome_unknown_error() -> ApiError:
    return ApiError(
        409, "paid_outcome_unknown", "Whether this request was taken and paid is not known."
    )


def authentication_error(*, old_endpoint: bool = False) -> ApiError:
    """Endpoints from before March 2026 answer with the status as an integer code."""
    return ApiError(
        401,
        401 if old_endpoint else "unauthorized",
        "Invalid API key. Send a valid key as 'Authorization: Bearer <key>'.",
        error_type="authentication_error",
    )


def insufficient_quota_error() -> ApiError:
    return ApiError(
        402,
        "insufficient_quota",
        "Not enough credits for this request. Please top up your account.",
        error_type="insufficient_quota_error",
    )


def model_access_error(model: str) -> ApiError:
    return ApiError(
        403,
        "model_access_denied",
        f"Model '{model[:80]}' does not exist or this key has no access to it.",
        error_type="permission_error",
        param="model",
    )


def not_found_error(message: str = "There is nothing at this address.") -> ApiError:
    return ApiError(404, "not_found", message)


def task_not_found_error() -> ApiError:
    return ApiError(404, "task_not_found", "The task does not exist.")


def body_too_large_error(max_bytes: int) -> ApiError:
    return ApiError(
        413,
        "request_too_large_error",
        f"The request body is larger than {max_bytes} bytes.",
        error_type="request_too_large_error",
    )


def rate_limit_error(seconds: int) -> ApiError:
    return ApiError(
        429,
        "rate_limit_exceeded",
        f"Too many requests. Please try again in {seconds} seconds.",
        error_type="rate_limit_error",
        headers={"Retry-After": str(seconds)},
    )


def internal_error() -> ApiError:
    return ApiError(500, "internal_error", "Internal server error.", error_type="api_error")


def unavailable_error() -> ApiError:
    return ApiError(
        503,
        "service_unavailable",
        "The service is temporarily unavailable.",
        error_type="api_error",
    )
