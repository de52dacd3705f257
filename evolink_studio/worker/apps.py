"""The process that runs the pipeline."""

from django.apps import AppConfig, apps


class WorkerConfig(AppConfig):
    name = "evolink_studio.worker"
    label = "worker"

    def ready(self) -> None:
        from evolink_studio.worker import wake_up

        wake_up.connect_signals()
        if apps.is_installed("procrastinate.contrib.django"):
            from evolink_studio.worker import tasks

            tasks.connect_signals()
