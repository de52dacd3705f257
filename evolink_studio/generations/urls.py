"""URLs of the workspace, its batches and callbacks."""

from django.urls import path

from evolink_studio.generations.views import (
    again,
    callbacks,
    create,
    files,
    live,
    model_picker,
    month,
    palette,
    picker,
    pictures,
    workspace,
)

urlpatterns = [
    path("", create.home, name="home"),
    path("create/<str:model_id>/", create.create, name="create"),
    path("create/<str:model_id>/refresh/", create.refresh, name="refresh"),
    path("create/<str:model_id>/switch/", create.switch, name="switch"),
    path("models/", model_picker.models, name="models"),
    path("models/<str:model_id>/pin/", model_picker.pin, name="pin_model"),
    path("live/", live.live, name="live"),
    path("show/<int:pk>/", workspace.show, name="show"),
    path("generations/<int:pk>/cancel/", workspace.cancel, name="cancel"),
    path("generations/cancel-waiting/", workspace.cancel_waiting, name="cancel_waiting"),
    path("generations/<int:pk>/move/", workspace.move, name="move_in_queue"),
    path("generations/<int:pk>/change/", workspace.change, name="change_waiting"),
    path("generations/<int:pk>/put-away/", workspace.dismiss, name="put_away"),
    path("generations/<int:pk>/watch-again/", workspace.restore, name="watch_again"),
    path("pictures/", pictures.pictures, name="pictures"),
    path("pictures/add/", pictures.add_files, name="add_files"),
    path("pictures/shared/", pictures.receive_shared_files, name="shared_files"),
    path("pictures/<int:pk>/", pictures.picture, name="picture"),
    path("pictures/<int:pk>/tile/", pictures.picture_tile, name="picture_tile"),
    path("pictures/<int:pk>/name/", pictures.rename_picture, name="rename_picture"),
    path("generations/<int:pk>/again/", again.again, name="again"),
    path("generations/<int:pk>/other-models/", again.other_models, name="other_models"),
    path("pictures/<int:pk>/crop/", pictures.crop_picture, name="crop_picture"),
    path("library/picker", picker.picker, name="picker"),
    path("library/delete", files.delete_files, name="delete_files"),
    path("palette/", palette.palette, name="palette"),
    path("account/month/", month.month, name="month"),
    path("callbacks/<str:token>/", callbacks.callback, name="callback"),
]
