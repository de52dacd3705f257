"""The settings for tests: a data folder of its own, nothing of a developer's environment."""

import atexit
import os
import shutil
import tempfile

for _name in ("EVOLINK_API_KEY", "EVOLINK_API_URL", "EVOLINK_FILES_URL", "PUBLIC_URL"):
    os.environ.pop(_name, None)
os.environ["STUDIO_DATA"] = tempfile.mkdtemp(prefix="studio-tests-")
os.environ["SECRET_KEY"] = "a-secret-for-tests-only-that-is-long-enough-for-everything"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's sync API runs a loop of its own
atexit.register(shutil.rmtree, os.environ["STUDIO_DATA"], ignore_errors=True)

from evolink_studio.settings import *  # noqa: E402, F403  # the environment comes first
