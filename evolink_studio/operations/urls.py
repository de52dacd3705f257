"""Addresses for machines that look after the studio."""

from django.urls import path

from evolink_studio.operations import health, metrics

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
