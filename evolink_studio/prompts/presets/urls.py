"""URLs of presets."""

from django.urls import path

from evolink_studio.prompts.presets import views

urlpatterns = [
    path("", views.presets, name="presets"),
    path("restore/", views.restore_preset, name="restore_preset"),
    path("<int:pk>/name/", views.rename_preset, name="rename_preset"),
    path("<int:pk>/share/", views.share_preset, name="share_preset"),
    path("<int:pk>/delete/", views.delete_preset, name="delete_preset"),
]
