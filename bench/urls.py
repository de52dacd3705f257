"""The studio's addresses, and the bare view that the poll is compared with."""

from django.urls import path

from bench import views
from evolink_studio.urls import urlpatterns as studio

urlpatterns = [path("bench/bare/", views.bare), *studio]
