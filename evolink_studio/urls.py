"""All URLs of the studio."""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("", include("evolink_studio.generations.urls")),
    path("", include("evolink_studio.notifications.urls")),
    path("library/", include("evolink_studio.library.urls")),
    path("", include("evolink_studio.films.urls")),
    path("", include("evolink_studio.sharing.urls")),
    path("cast/", include("evolink_studio.prompts.cast.urls")),
    path("prompts/presets/", include("evolink_studio.prompts.presets.urls")),
    path("prompts/templates/", include("evolink_studio.prompts.prompt_templates.urls")),
    path("account/", include("evolink_studio.accounts.urls")),
    path("", include("evolink_studio.operations.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "evolink_studio.core.error_views.server_error"
