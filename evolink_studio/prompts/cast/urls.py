"""URLs of the cast."""

from django.urls import path

from evolink_studio.prompts.cast import views

urlpatterns = [
    path("", views.cast, name="cast"),
    path("names/", views.cast_names, name="cast_names"),
    path("<int:pk>/", views.update_cast_member, name="update_cast_member"),
    path("<int:pk>/delete/", views.delete_cast_member, name="delete_cast_member"),
]
