"""URLs of the library."""

from django.urls import path

from evolink_studio.library import views

urlpatterns = [
    path("<int:pk>/file", views.asset, name="asset"),
    path("<int:pk>/poster", views.asset_poster, name="asset_poster"),
    path("<int:pk>/poster/small", views.asset_poster, {"size": "small"}, "asset_small_poster"),
    path("<int:pk>/poster/large", views.asset_poster, {"size": "large"}, "asset_large_poster"),
    path("<int:pk>/edit", views.edit_asset, name="edit_asset"),
    path("<int:pk>/frame", views.frame, name="frame"),
    path("upload", views.upload, name="upload"),
    path("from-address", views.import_from_url, name="from_address"),
]
