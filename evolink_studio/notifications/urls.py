"""URLs of notifications."""

from django.urls import path

from evolink_studio.notifications import views

urlpatterns = [
    path("account/notifications/", views.notifications, name="notifications"),
    path("account/notifications/secret/", views.renew_secret, name="renew_webhook_secret"),
    path("account/notifications/device/", views.device, name="notification_device"),
]
