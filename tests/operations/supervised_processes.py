"""A supervisor over small children, in a process of its own.

Run as `python -m tests.operations.supervised_processes`.

Each child notes its number in the folder given and waits.
"""

import sys

from evolink_studio.operations.supervisor import ManagedProcess, Supervisor

CHILD_SCRIPT = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], f"{sys.argv[2]}-{os.getpid()}").touch()
time.sleep(300)
"""


def build_child(folder: str, name: str) -> ManagedProcess:
    return ManagedProcess(name, [sys.executable, "-c", CHILD_SCRIPT, folder, name])


if __name__ == "__main__":
    Supervisor([build_child(sys.argv[1], name) for name in ("one", "two")]).run()
