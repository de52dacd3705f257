"""URLs of the films page and of what is done with films."""

from django.urls import path

from evolink_studio.films.views import (
    actions,
    collections,
    compare,
    cuts,
    downloads,
    film,
    frames,
    gallery,
    order,
    projects,
    saved_views,
    trash,
)

urlpatterns = [
    path("films/", gallery.gallery, name="films"),
    path("films/actions/", actions.film_action, name="film_action"),
    path("films/trash/", trash.trash, name="trash"),
    path("films/trash/delete/", trash.delete_films, name="delete_films"),
    path("films/changes/<int:pk>/undo/", actions.undo_change, name="undo_change"),
    path("films/compare/", compare.compare, name="compare"),
    path("films/<int:pk>/", film.film, name="film"),
    path("films/<int:pk>/labels/", order.set_labels, name="film_labels"),
    path("collections/", collections.collections, name="collections"),
    path("collections/<int:pk>/", collections.collection, name="collection"),
    path("collections/<int:pk>/delete/", collections.delete_collection, name="delete_collection"),
    path("projects/", projects.projects, name="projects"),
    path("projects/<int:pk>/", projects.project, name="project"),
    path("projects/<int:pk>/archive/", projects.archive_project, name="archive_project"),
    # A file of the library, but a film is named by what its person says of it.
    path("library/<int:pk>/download", downloads.asset_download, name="asset_download"),
    path("account/downloads/", downloads.download_names, name="download_names"),
    path("films/views/", saved_views.save, name="save_view"),
    path("films/views/<int:pk>/rename/", saved_views.rename, name="rename_view"),
    path("films/views/<int:pk>/delete/", saved_views.delete, name="delete_view"),
    path("films/<int:pk>/frame/", frames.use_frame, name="use_frame"),
    path("cuts/", cuts.cuts, name="cuts"),
    path("cuts/list/", cuts.cut_list, name="cut_list"),
    path("cuts/new/", cuts.new_cut, name="new_cut"),
    path("cuts/<int:pk>/change/", cuts.change_cut, name="change_cut"),
    path("cuts/<int:pk>/cancel/", cuts.cancel_cut, name="cancel_cut"),
    path("cuts/<int:pk>/retry/", cuts.retry_cut, name="retry_cut"),
]
