"""The web application that gunicorn serves."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evolink_studio.settings")
application = get_wsgi_application()
# Import all views before gunicorn forks; otherwise each process does so at its first request.
import_module(settings.ROOT_URLCONF)
