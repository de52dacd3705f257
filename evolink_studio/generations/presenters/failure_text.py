"""What a failure means, in our own words, and what a person can do next.

Codes of failed tasks and of refused requests: EvoLink documentation, stated 2026-11-20, added to
2026-11-29. The list is open: an unknown code is shown under "details", and no retry is offered for
it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evolink_studio.generations.states import ErrorCode

LazyText = str | Promise


@dataclass(frozen=True)
class FailureText:
    """What happened, what to do, and whether the same request may work later.

    `state_label` replaces "Failed" as the name of the state, unless "".
    """

    message: LazyText
    advice: LazyText
    is_retryable: bool = False
    state_label: LazyText = ""


# Shown with every failure.
NEW_CHARGE_NOTICE = _("Sending it again is a new paid generation.")
CHANGE_INPUT_ADVICE = _("Change the prompt or the pictures before you send it again.")
RETRY_LATER_ADVICE = _("The same request may work in a few minutes.")
RETRY_ONCE_ADVICE = _("You can try once more; if it fails again, change something.")
CHOOSE_FILE_ADVICE = _("Choose the picture again.")
ASK_OWNER_ADVICE = _("Ask the owner of this studio: only they can mend this.")

_POLICY_VIOLATION = FailureText(
    _("The model refused this: it is against EvoLink's content policy."), CHANGE_INPUT_ADVICE
)
_KEY_REJECTED = FailureText(_("EvoLink does not accept this studio's key."), ASK_OWNER_ADVICE)
_INSUFFICIENT_CREDITS = FailureText(
    _("The account at EvoLink has too few credits left for this."), ASK_OWNER_ADVICE
)
_DAILY_LIMIT_REACHED = FailureText(
    _("This studio's key has used up its credits for today."), ASK_OWNER_ADVICE
)
_PROVIDER_BUSY = FailureText(
    _("EvoLink has too much to do right now."), RETRY_LATER_ADVICE, is_retryable=True
)
_PROVIDER_ERROR = FailureText(
    _("EvoLink had a problem while making this."), RETRY_LATER_ADVICE, is_retryable=True
)
_MEDIA_UNREADABLE = FailureText(
    _("EvoLink could not read one of the pictures."),
    _("Use another picture, or save it again as JPEG or PNG."),
)
_TASK_CANCELLED = FailureText(_("EvoLink cancelled this task."), CHANGE_INPUT_ADVICE)
_TOO_SLOW = FailureText(
    _("The model took too long and gave up."), RETRY_LATER_ADVICE, is_retryable=True
)
_INVALID_PARAMETERS = FailureText(
    _("EvoLink does not accept one of the settings."),
    _("Change it in the form; the details below may say which one it is."),
)

FAILURE_TEXTS: dict[str, FailureText] = {
    "content_policy_violation": _POLICY_VIOLATION,
    "content_filter": _POLICY_VIOLATION,
    "sensitive_content": _POLICY_VIOLATION,
    "moderation_blocked": _POLICY_VIOLATION,
    "input_moderation_failed": _POLICY_VIOLATION,
    "invalid_parameters": _INVALID_PARAMETERS,
    "invalid_parameter": _INVALID_PARAMETERS,
    "invalid_request": _INVALID_PARAMETERS,
    "missing_required_params": _INVALID_PARAMETERS,
    "image_processing_error": _MEDIA_UNREADABLE,
    "invalid_media_url": _MEDIA_UNREADABLE,
    "invalid_audio": FailureText(
        _("EvoLink could not read the sound."),
        _("Use another sound, or save it again as MP3 or WAV."),
    ),
    "image_dimension_mismatch": FailureText(
        _("A picture does not have the size this model needs."),
        _("Fit the picture to the size named at its field."),
    ),
    "request_cancelled": _TASK_CANCELLED,
    "task_cancelled": _TASK_CANCELLED,
    "task_expired": FailureText(
        _("EvoLink gave this up before it was made."), RETRY_LATER_ADVICE, is_retryable=True
    ),
    "task_timeout": _TOO_SLOW,
    "task_rejected": FailureText(_("EvoLink refused to make this."), CHANGE_INPUT_ADVICE),
    "resource_not_found": FailureText(
        _("EvoLink no longer has one of the files it needs."),
        CHOOSE_FILE_ADVICE,
    ),
    "service_error": _PROVIDER_ERROR,
    "internal_error": _PROVIDER_ERROR,
    "upstream_error": _PROVIDER_ERROR,
    "service_unavailable": _PROVIDER_ERROR,
    "generation_timeout": _TOO_SLOW,
    "resource_exhausted": _PROVIDER_BUSY,
    "quota_exceeded": _PROVIDER_BUSY,
    ErrorCode.RATE_LIMIT_EXCEEDED: _PROVIDER_BUSY,
    "generation_failed_no_content": FailureText(
        _("The model finished without a film."), RETRY_ONCE_ADVICE, is_retryable=True
    ),
    "unknown_error": FailureText(
        _("EvoLink stopped without giving a reason."), RETRY_ONCE_ADVICE, is_retryable=True
    ),
    "unauthorized": _KEY_REJECTED,
    "invalid_token": _KEY_REJECTED,
    "key_disabled": _KEY_REJECTED,
    "key_expired": _KEY_REJECTED,
    "user_disabled": _KEY_REJECTED,
    "ip_restricted": FailureText(
        _("This studio's key may not be used from this server's address."), ASK_OWNER_ADVICE
    ),
    "insufficient_quota": _INSUFFICIENT_CREDITS,
    "insufficient_user_quota": _INSUFFICIENT_CREDITS,
    "insufficient_token_quota": _INSUFFICIENT_CREDITS,
    "key_quota_exhausted": _INSUFFICIENT_CREDITS,
    "quota_not_enough": _INSUFFICIENT_CREDITS,
    "account_balance_insufficient": _INSUFFICIENT_CREDITS,
    "token_daily_quota_exceeded": _DAILY_LIMIT_REACHED,
    "key_daily_quota_exhausted": _DAILY_LIMIT_REACHED,
    "model_access_denied": FailureText(
        _("This studio's key may not use this model."), ASK_OWNER_ADVICE
    ),
    "key_model_not_allowed": FailureText(
        _("This studio's key may not use this model."), ASK_OWNER_ADVICE
    ),
    "permission_denied": FailureText(_("This studio's key may not do this."), ASK_OWNER_ADVICE),
    "request_too_large_error": FailureText(
        _("The request is too large for EvoLink."), _("Use fewer or smaller pictures.")
    ),
    ErrorCode.NOT_SENT: FailureText(
        _("EvoLink could not be reached for an hour, so we stopped trying."),
        RETRY_LATER_ADVICE,
        is_retryable=True,
    ),
    ErrorCode.INTERNAL: FailureText(
        _("Something is wrong in this studio, so nothing was sent."), ASK_OWNER_ADVICE
    ),
    ErrorCode.RULES_CHANGED: FailureText(
        _("The rules of this model changed while this was waiting, so it was not sent."),
        _("Open it again and look at the marked fields."),
    ),
    ErrorCode.FILE_MISSING: FailureText(
        _("A file that belongs to this is no longer in the library, so nothing was sent."),
        CHOOSE_FILE_ADVICE,
    ),
    ErrorCode.NEVER_TAKEN: FailureText(
        _("EvoLink never took this request, as an admin found out."),
        _("You can send it again."),
        is_retryable=True,
    ),
    ErrorCode.CHARGED_WITHOUT_FILM: FailureText(
        _("EvoLink charged this, but there is no film, as an admin found out."),
        "",
    ),
    ErrorCode.NO_RESULT: FailureText(
        _("EvoLink called it finished, but never gave a film."),
        RETRY_ONCE_ADVICE,
        is_retryable=True,
    ),
    ErrorCode.NOT_A_FILM: FailureText(
        _("EvoLink called it finished, but what it gave is no film, picture or sound."),
        RETRY_ONCE_ADVICE,
        is_retryable=True,
    ),
    ErrorCode.FILM_LOST: FailureText(
        _("The film was made, but its link ended before it could be copied here."),
        _("You can make it again with the same settings."),
        is_retryable=True,
        state_label=_("Expired"),
    ),
}
CHANNEL_CODE_PREFIX = "channel_"  # EvoLink's own account at the maker of the model
UNKNOWN_FAILURE_TEXT = FailureText(
    _("EvoLink could not make this."),
    _("Look at the details below before you try again."),
)


def build_failure_text(code: str) -> FailureText:
    """The texts of a code; general ones for an unknown code."""
    if code.startswith(CHANNEL_CODE_PREFIX):
        return _PROVIDER_ERROR
    return FAILURE_TEXTS.get(code.lower(), UNKNOWN_FAILURE_TEXT)


def field_from_error(error_field: str, field_names: Collection[str]) -> str:
    """The form field that EvoLink named, as in "body.image_urls[0]"; "" if there is none."""
    name = error_field.split(".")[-1].split("[")[0]
    return name if name in field_names else ""
