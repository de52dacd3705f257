"""URLs of the films page and of what is done with films."""

from django.urls import path

from evolink_studio.films.views import actions, downloads, film, gallery, order, saved_views

urlpatterns = [
    path("films/", gallery.gallery, name="films"),
    path("films/actions/", actions.film_action, name="film_action"),
    path("films/changes/<int:pk>/undo/", actions.undo_change, name="undo_change"),
    path("films/<int:pk>/", film.film, name="film"),
    path("films/<int:pk>/labels/", order.set_labels, name="film_labels"),
    # A file of the library, but a film is named by what its person says of it.
    path("library/<int:pk>/download", downloads.asset_download, name="asset_download"),
    path("account/downloads/", downloads.download_names, name="download_names"),
    path("films/views/", saved_views.save, name="save_view"),
    path("films/views/<int:pk>/rename/", saved_views.rename, name="rename_view"),
    path("films/views/<int:pk>/delete/", saved_views.delete, name="delete_view"),
]
