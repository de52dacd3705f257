"""Files in the library and their copies at EvoLink."""

from typing import TypedDict

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.search import FoldedTextField


class AssetFacts(TypedDict):
    """`bytes` is the size, `width` and `height` are pixels; None where a kind has no such fact."""

    ref: str
    kind: str
    format: str
    bytes: int
    width: int | None
    height: int | None
    seconds: float | None


class AssetQuerySet(models.QuerySet["Asset"]):
    def readable_by(self, user: models.Model) -> "AssetQuerySet":
        """The files this person may open: their own. Staff see all of them in the admin pages."""
        return self.filter(owner_id=user.pk)


# The field with the name of each size of poster; in pixels: `media.images.POSTER_SIDES`.
POSTER_FIELD_BY_SIZE = {"small": "poster_small", "medium": "poster", "large": "poster_large"}
# All fields with a name in the storage: what is deleted, copied and looked for.
STORED_FILE_FIELDS = ("file", *POSTER_FIELD_BY_SIZE.values())


class Asset(models.Model):
    """One file that belongs to one person. Its bytes never change once the row exists."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("picture")
        VIDEO = "video", _("film")
        AUDIO = "audio", _("sound")

    class Origin(models.TextChoices):
        UPLOAD = "upload", _("uploaded")
        LINK = "link", _("from an address")
        RESULT = "result", _("made here")
        FRAME = "frame", _("frame of a film")
        EDIT = "edit", _("adjusted picture")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="assets",
        verbose_name=_("person"),
    )
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices)
    origin = models.CharField(_("origin"), max_length=6, choices=Origin.choices)
    name = models.CharField(_("name"), max_length=200, help_text=_("What the person calls it."))
    search_text = FoldedTextField(source="name", db_default="")
    file = models.FileField(max_length=200)
    poster = models.FileField(max_length=200, blank=True)
    # Null in files that are older than these sizes, so that adding the columns touches no row.
    poster_small = models.FileField(max_length=200, null=True, blank=True)
    poster_large = models.FileField(max_length=200, null=True, blank=True)
    format = models.CharField(
        _("format"), max_length=10, help_text=_("jpeg, png, webp, gif, mp4 …")
    )
    mime = models.CharField(max_length=60)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    source_width = models.PositiveIntegerField(
        null=True, help_text=_("Before the picture was scaled down on arrival.")
    )
    source_height = models.PositiveIntegerField(null=True)
    seconds = models.DecimalField(max_digits=9, decimal_places=3, null=True)
    # A picture that is a frame of a film, or was cut out of another picture.
    derived_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="derivatives"
    )
    derived_at_second = models.DecimalField(
        max_digits=9, decimal_places=3, null=True, help_text=_("Where in the film the frame is.")
    )
    created_at = models.DateTimeField(_("created"))

    # Whether a film has sound, as long as it is in the hands of who probed it; it is not stored.
    has_audio: bool | None = None

    objects = AssetQuerySet.as_manager()

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="asset_by_owner"),
            models.Index(fields=["sha256"], name="asset_by_content"),
            # The list of the admin pages: by each filter.
            models.Index(fields=["-created_at", "-id"], name="asset_newest"),
            models.Index(fields=["kind", "-created_at", "-id"], name="asset_by_kind"),
            models.Index(fields=["origin", "-created_at", "-id"], name="asset_by_origin"),
            models.Index(fields=["format", "-created_at", "-id"], name="asset_by_format"),
            models.Index(fields=["size_bytes", "id"], name="asset_by_size"),
            models.Index(fields=["file"], name="asset_by_stored_name"),
            models.Index(fields=["owner", "origin", "size_bytes"], name="asset_space"),
            # The pictures page: each origin by itself, because films made here may be very many.
            models.Index(
                fields=["owner", "origin", "-created_at", "-id"], name="asset_by_owner_origin"
            ),
        ]
        constraints = [
            # Two generations may give equal films; anything else is kept once per person.
            models.UniqueConstraint(
                fields=["owner", "sha256"],
                condition=~Q(origin="result"),
                name="one_file_per_content",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """The identifier of this file in forms and generations."""
        return f"asset:{self.pk}"

    @property
    def stored_names(self) -> set[str]:
        """Everything of this file that is in the storage."""
        return {str(getattr(self, field)) for field in STORED_FILE_FIELDS if getattr(self, field)}

    def facts(self) -> AssetFacts:
        """The facts of this file, as `catalog.MediaFile` takes them."""
        return {
            "ref": self.ref,
            "kind": self.kind,
            "format": self.format,
            "bytes": self.size_bytes,
            "width": self.width,
            "height": self.height,
            "seconds": None if self.seconds is None else float(self.seconds),
        }


class UploadUsage(models.Model):
    """How many files a person added in the present hour, which begins with its first one."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_usage"
    )
    hour_started_at = models.DateTimeField()
    upload_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("upload usage")
        verbose_name_plural = _("upload usage")

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.upload_count}"


class DeletedFile(models.Model):
    """The name of a stored file whose row was deleted, until the file is deleted, too."""

    name = models.CharField(max_length=200)

    class Meta:
        verbose_name = _("deleted file")
        verbose_name_plural = _("deleted files")

    def __str__(self) -> str:
        return self.name


class RemoteCopy(models.Model):
    """A copy of one content at EvoLink's Files API. It expires after 72 hours."""

    sha256 = models.CharField(max_length=64)
    provider_key = models.CharField(
        max_length=200, help_text=_("Address and key it was uploaded with.")
    )
    file_id = models.CharField(max_length=200)
    file_url = models.URLField(max_length=2048)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("copy at EvoLink")
        verbose_name_plural = _("copies at EvoLink")
        constraints = [
            models.UniqueConstraint(fields=["sha256", "provider_key"], name="one_copy_per_content"),
            models.CheckConstraint(
                condition=Q(file_url__startswith="https://") | Q(file_url__startswith="http://"),
                name="copy_has_web_address",
            ),
        ]

    def __str__(self) -> str:
        return self.file_id
