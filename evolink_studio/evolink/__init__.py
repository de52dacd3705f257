"""HTTP to EvoLink: one paid POST, free reads, uploads, and copies of results.

Knows nothing of the studio's own tables. `errors` draws what can go wrong.
"""

from evolink_studio.evolink.client import Deadlines, EvoLink
from evolink_studio.evolink.download import Downloaded, download
from evolink_studio.evolink.errors import (
    EvoLinkError,
    KeyRefused,
    LinkDead,
    LinkForbidden,
    NoSpace,
    NotFound,
    NotSaved,
    NotSent,
    OutOfCredits,
    RateLimited,
    Refused,
    TooLarge,
    Unavailable,
    Unclear,
)
from evolink_studio.evolink.types import (
    Balance,
    Billing,
    RemoteFile,
    Task,
    TaskError,
    TaskInfo,
    TaskSummary,
    Usage,
    is_task_id,
)
from evolink_studio.evolink.url_safety import is_public

__all__ = [
    "Balance",
    "Billing",
    "Deadlines",
    "Downloaded",
    "EvoLink",
    "EvoLinkError",
    "KeyRefused",
    "LinkDead",
    "LinkForbidden",
    "NoSpace",
    "NotFound",
    "NotSaved",
    "NotSent",
    "OutOfCredits",
    "RateLimited",
    "Refused",
    "RemoteFile",
    "Task",
    "TaskError",
    "TaskInfo",
    "TaskSummary",
    "TooLarge",
    "Unavailable",
    "Unclear",
    "Usage",
    "download",
    "is_public",
    "is_task_id",
]
