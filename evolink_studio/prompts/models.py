"""What is written more than once: presets, templates, and the cast."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.json_field import TolerantJSONField
from evolink_studio.library.models import Asset


class Preset(models.Model):
    """All fields of a form of one AI model, under a name. `values` are as those of a draft."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets"
    )
    name = models.CharField(_("name"), max_length=80)
    model_id = models.CharField(_("model"), max_length=100)
    values = TolerantJSONField()
    is_shared = models.BooleanField(_("for everybody in the studio"), default=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_preset_per_name")
        ]
        indexes = [models.Index(fields=["name"], name="preset_shared", condition=Q(is_shared=True))]

    def __str__(self) -> str:
        return self.name


class PromptTemplate(models.Model):
    """A prompt with placeholders such as {place}, which are filled in when it is used."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="prompt_templates"
    )
    name = models.CharField(_("name"), max_length=80)
    text = models.TextField(_("text"))
    is_shared = models.BooleanField(_("for everybody in the studio"), default=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_template_per_name")
        ]
        indexes = [
            models.Index(fields=["name"], name="template_shared", condition=Q(is_shared=True))
        ]

    def __str__(self) -> str:
        return self.name


class CastMember(models.Model):
    """A named picture of a person, a thing or a place, which `@name` in a prompt stands for."""

    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        THING = "thing", _("thing")
        PLACE = "place", _("place")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cast"
    )
    name = models.CharField(
        _("name"), max_length=40, help_text=_("Letters, digits and underscores; without the @.")
    )
    folded_name = models.CharField(
        max_length=80, editable=False, help_text=_("The name as it is compared.")
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices, default=Kind.PERSON)
    asset = models.ForeignKey(
        Asset, on_delete=models.CASCADE, related_name="cast_members", verbose_name=_("picture")
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("cast member")
        verbose_name_plural = _("cast")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "folded_name"], name="one_cast_member_per_name"
            )
        ]

    def __str__(self) -> str:
        return f"@{self.name}"
