"""What keeps the studio running: health, metrics, logging, processes, backup, commands."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "evolink_studio.operations"
    label = "operations"
