"""`python -m evolink_studio.sandbox`: runs the sandbox alone, without the studio."""

import os
from argparse import ArgumentParser
from pathlib import Path

from evolink_studio.sandbox import server


def main() -> None:
    """Serve until SIGTERM."""
    parser = ArgumentParser(description="The EvoLink API on this machine, free of charge.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="Folder for tasks and films.")
    parser.add_argument("--pace", type=float, default=1.0)
    options = parser.parse_args()
    os.umask(0o077)  # its films and tasks are the studio's account's alone
    server.run_server(
        host=options.host, port=options.port, data_dir=options.data, pace=options.pace
    )


if __name__ == "__main__":
    main()
