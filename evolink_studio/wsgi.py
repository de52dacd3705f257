"""The web application that gunicorn serves."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from evolink_studio.core.chunked_bodies import read_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evolink_studio.settings")
application = read_chunked_bodies(get_wsgi_application())
# Import all views before gunicorn forks; otherwise each process does so at its first request.
import_module(settings.ROOT_URLCONF)
# What was imported stays: looking through it for garbage would hold requests up, and make each
# process write to pages of memory that it shares with the others.
gc.freeze()
