"""URLs of the films page and of what is done with films."""

from django.urls import path

from evolink_studio.films.views import gallery

urlpatterns = [
    path("films/", gallery.gallery, name="films"),
]
