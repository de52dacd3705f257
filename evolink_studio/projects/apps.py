"""Django app: the clients and jobs that films are made for."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "evolink_studio.projects"
    label = "projects"
    verbose_name = _("Projects")
