"""URLs of shares: making and keeping them, and the page for guests."""

from django.urls import path

from evolink_studio.sharing.views import guests, shares

urlpatterns = [
    path("films/share/", shares.share_films, name="share_films"),
    path("shares/", shares.shares, name="shares"),
    path("shares/<int:pk>/", shares.share, name="share"),
    path("shares/<int:pk>/link/", shares.renew_share, name="renew_share"),
    path("shares/<int:pk>/revoke/", shares.revoke_share, name="revoke_share"),
    path("shares/<int:pk>/extend/", shares.extend_share, name="extend_share"),
    path(
        "shares/<int:pk>/comments/<int:comment_id>/delete/",
        shares.delete_comment,
        name="delete_comment",
    ),
    path("s/<str:token>/", guests.shared, name="shared"),
    path("s/<str:token>/answer", guests.shared_answer, name="shared_answer"),
    path("s/<str:token>/preview.jpg", guests.shared_preview, name="shared_preview"),
    path("s/<str:token>/films/<int:number>/file", guests.shared_file, name="shared_file"),
    path("s/<str:token>/films/<int:number>/poster", guests.shared_poster, name="shared_poster"),
]
