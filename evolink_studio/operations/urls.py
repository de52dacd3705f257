"""URLs for health checks and metrics, and what the studio says of itself."""

from django.urls import path

from evolink_studio.operations import accessibility, health, installation, metrics

urlpatterns = [
    path("accessibility/", accessibility.accessibility, name="accessibility"),
    path("manifest.webmanifest", installation.manifest, name="manifest"),
    path("healthz", health.liveness, name="healthz"),
    path("readyz", health.readiness, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
