"""The studio's web worker with deadlines that have passed as soon as they begin."""

from evolink_studio.operations.web_worker import ConnectionDeadlines, WebWorker


class ImpatientWebWorker(WebWorker):
    """Nobody may be slow at all."""

    deadlines = ConnectionDeadlines(
        head=0.0, idle=0.0, body_grace=0.0, body_bytes_per_second=1e9, stalled_response=0.0
    )
