"""The request of a signed-in person, for type checking of views."""

from evolink_studio.accounts.models import User
from evolink_studio.core.http import HtmxHttpRequest


class AuthenticatedHttpRequest(HtmxHttpRequest):
    """Only for views with `@login_required`."""

    user: User
