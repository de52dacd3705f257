"""An address that waits for callbacks on loopback and answers as it is told."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CallbackListener:
    """Answers `statuses` in turn, the last one for ever; `bodies` are those received, in order."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = deque(statuses or (200,))
        self.bodies = []
        self.paths = []
        self.headers = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                listener.bodies.append(json.loads(self.rfile.read(length)))
                listener.paths.append(self.path)
                listener.headers.append(dict(self.headers))
                self.send_response(listener.next_status())
                self.send_header("location", "/moved")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *about):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks/token"

    def next_status(self) -> int:
        return self._statuses.popleft() if len(self._statuses) > 1 else self._statuses[0]

    def __enter__(self) -> "CallbackListener":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *args) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
