"""The usage page's choice as rows for a spreadsheet."""

from django.http import StreamingHttpResponse

from evolink_studio.credits.spreadsheet import csv_file
from evolink_studio.generations.usage import Choice, chosen

COLUMNS = (
    "id",
    "created",
    "finished",
    "owner__username",
    "model_id",
    "state",
    "charge",
    "estimated",
    "reserved",
    "used",
    "task_id",
    "error_code",
    "prompt",
)
HEAD = tuple("person" if name == "owner__username" else name for name in COLUMNS)
AT_ONCE = 2000


def usage_file(choice: Choice) -> StreamingHttpResponse:
    """One line for every generation of the choice, newest first; sent while it is read."""
    rows = chosen(choice).order_by("-created", "-id").values_list(*COLUMNS)
    name = f"usage-{choice.first}-{choice.last}.csv"
    return csv_file(name, HEAD, rows.iterator(chunk_size=AT_ONCE))
