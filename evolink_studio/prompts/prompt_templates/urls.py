"""URLs of templates of prompts."""

from django.urls import path

from evolink_studio.prompts.prompt_templates import views

urlpatterns = [
    path("", views.prompt_templates, name="prompt_templates"),
    path("new/", views.new_prompt_template, name="new_prompt_template"),
    path("restore/", views.restore_prompt_template, name="restore_prompt_template"),
    path("<int:pk>/", views.prompt_template, name="prompt_template"),
    path("<int:pk>/delete/", views.delete_prompt_template, name="delete_prompt_template"),
]
