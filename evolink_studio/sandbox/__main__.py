"""`python -m evolink_studio.sandbox`: the sandbox alone, without anything of the studio."""

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
    given = parser.parse_args()
    server.run(host=given.host, port=given.port, data_dir=given.data, pace=given.pace)


if __name__ == "__main__":
    main()
