"""A supervisor over small children, in a process of its own: `python -m tests.engine.supervised`.

Each child notes its number in the folder given and waits.
"""

import sys

from evolink_studio.operations.supervisor import Child, Supervisor

CHILD = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], f"{sys.argv[2]}-{os.getpid()}").touch()
time.sleep(300)
"""


def child(folder: str, name: str) -> Child:
    return Child(name, [sys.executable, "-c", CHILD, folder, name])


if __name__ == "__main__":
    Supervisor([child(sys.argv[1], name) for name in ("one", "two")]).run()
