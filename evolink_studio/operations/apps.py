"""Django app: health, metrics, logging, processes, backup and commands."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "evolink_studio.operations"
    label = "operations"
