"""Addresses of the work."""

from django.urls import path

from evolink_studio.generations.views import create, films, live, watching

urlpatterns = [
    path("", create.home, name="home"),
    path("create/<str:model_id>/", create.create, name="create"),
    path("create/<str:model_id>/refresh/", create.refresh, name="refresh"),
    path("create/<str:model_id>/switch/", create.switch, name="switch"),
    path("live/", live.live, name="live"),
    path("show/<int:pk>/", live.show, name="show"),
    path("generations/<int:pk>/cancel/", watching.cancel, name="cancel"),
    path("generations/<int:pk>/put-away/", watching.put_away, name="put_away"),
    path("generations/<int:pk>/watch-again/", watching.watch_again, name="watch_again"),
    path("films/", films.films, name="films"),
    path("callbacks/<str:token>/", live.callback, name="callback"),
]
