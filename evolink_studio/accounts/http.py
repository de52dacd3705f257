"""The request of a person who is signed in, for type checking of views."""

from evolink_studio.accounts.models import User
from evolink_studio.core.http import HtmxHttpRequest


class AuthenticatedHttpRequest(HtmxHttpRequest):
    """`@login_required` stands before every view that takes this."""

    user: User
