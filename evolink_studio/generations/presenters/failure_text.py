"""What a failure means, in our own words, and what a person can do next.

Codes of failed tasks and of refused requests: EvoLink documentation, stated 2026-11-20. The list
is not closed: an unknown code is shown as it came, under "details", and no blind retry is offered.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class Failure:
    """`what` happened; `advice` what to do; `again` whether the same request may work later.

    `label` is what the state is called where "Failed" is not the word.
    """

    what: Text
    advice: Text
    again: bool = False
    label: Text = ""


# Said with every failure: nothing that failed is repeated for free.
PAID_ANEW = _("Sending it again is a new paid generation.")
CHANGE_IT = _("Change the prompt or the pictures before you send it again.")
LATER = _("The same request may work in a few minutes.")
ONCE = _("You can try once more; if it fails again, change something.")
CHOOSE_AGAIN = _("Choose the picture again.")
ASK = _("Ask the owner of this studio: only they can mend this.")

_POLICY = Failure(_("The model refused this: it is against EvoLink's content policy."), CHANGE_IT)
_KEY = Failure(_("EvoLink does not accept this studio's key."), ASK)
_CREDITS = Failure(_("The account at EvoLink has too few credits left for this."), ASK)
_BUSY = Failure(_("EvoLink has too much to do right now."), LATER, again=True)
_SERVICE = Failure(_("EvoLink had a problem while making this."), LATER, again=True)
_CANCELLED = Failure(_("EvoLink cancelled this task."), CHANGE_IT)
_PARAMETERS = Failure(
    _("EvoLink does not accept one of the settings."),
    _("Change it in the form; the details below may say which one it is."),
)

FAILURES: dict[str, Failure] = {
    "content_policy_violation": _POLICY,
    "invalid_parameters": _PARAMETERS,
    "invalid_parameter": _PARAMETERS,
    "invalid_request": _PARAMETERS,
    "missing_required_params": _PARAMETERS,
    "image_processing_error": Failure(
        _("EvoLink could not read one of the pictures."),
        _("Use another picture, or save it again as JPEG or PNG."),
    ),
    "image_dimension_mismatch": Failure(
        _("A picture does not have the size this model needs."),
        _("Fit the picture to the size named at its field."),
    ),
    "request_cancelled": _CANCELLED,
    "task_cancelled": _CANCELLED,
    "resource_not_found": Failure(
        _("EvoLink no longer has one of the files it needs."),
        CHOOSE_AGAIN,
    ),
    "service_error": _SERVICE,
    "service_unavailable": _SERVICE,
    "generation_timeout": Failure(_("The model took too long and gave up."), LATER, again=True),
    "resource_exhausted": _BUSY,
    "quota_exceeded": _BUSY,
    "rate_limit_exceeded": _BUSY,
    "generation_failed_no_content": Failure(
        _("The model finished without a film."), ONCE, again=True
    ),
    "unknown_error": Failure(_("EvoLink stopped without giving a reason."), ONCE, again=True),
    "unauthorized": _KEY,
    "key_disabled": _KEY,
    "key_expired": _KEY,
    "insufficient_quota": _CREDITS,
    "insufficient_user_quota": _CREDITS,
    "insufficient_token_quota": _CREDITS,
    "key_quota_exhausted": _CREDITS,
    "model_access_denied": Failure(_("This studio's key may not use this model."), ASK),
    "key_model_not_allowed": Failure(_("This studio's key may not use this model."), ASK),
    "permission_denied": Failure(_("This studio's key may not do this."), ASK),
    "request_too_large_error": Failure(
        _("The request is too large for EvoLink."), _("Use fewer or smaller pictures.")
    ),
    "not_sent": Failure(
        _("EvoLink could not be reached for an hour, so we stopped trying."), LATER, again=True
    ),
    "internal": Failure(_("Something is wrong in this studio, so nothing was sent."), ASK),
    "rules_changed": Failure(
        _("The rules of this model changed while this was waiting, so it was not sent."),
        _("Open it again and look at the marked fields."),
    ),
    "file_missing": Failure(
        _("A file that belongs to this is no longer in the library, so nothing was sent."),
        CHOOSE_AGAIN,
    ),
    "never_taken": Failure(
        _("EvoLink never took this request, as an admin found out."),
        _("You can send it again."),
        again=True,
    ),
    "charged_without_film": Failure(
        _("EvoLink charged this, but there is no film, as an admin found out."),
        "",
    ),
    "film_lost": Failure(
        _("The film was made, but its link ended before it could be copied here."),
        _("You can make it again with the same settings."),
        again=True,
        label=_("Expired"),
    ),
}
UNKNOWN_FAILURE = Failure(
    _("EvoLink could not make this."),
    _("Look at the details below before you try again."),
)


def failure(code: str) -> Failure:
    """The meaning of a code; a general sentence for one we do not know."""
    return FAILURES.get(code, UNKNOWN_FAILURE)


def field_named(error_field: str, fields: Collection[str]) -> str:
    """Which of our fields EvoLink named, as in "body.image_urls[0]"; "" when it is none."""
    name = error_field.split(".")[-1].split("[")[0]
    return name if name in fields else ""
