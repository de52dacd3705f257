"""Projects: the clients or jobs that films are made for and money is grouped by."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.search import FoldedTextField


class ProjectQuerySet(models.QuerySet["Project"]):
    def usable_by(self, user: models.Model) -> "ProjectQuerySet":
        """Those this person may choose: their own and shared ones. Archived ones are among them."""
        # Each has an index of its own; no index has both.
        projects = Project.objects.order_by().values("pk")
        own = projects.filter(owner_id=user.pk)
        # All have a name; a range of it is what lets SQLite search the index of the shared ones.
        shared = projects.filter(is_shared=True, folded_name__gt="")
        return self.filter(pk__in=own.union(shared))


class Project(models.Model):
    """A client or a job. It is archived, never deleted, once money was spent for it.

    Sharing it lets everybody choose it; whoever chooses it keeps their films to themselves.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="projects",
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=80)
    folded_name = FoldedTextField(source="name")
    client = models.CharField(_("client"), max_length=80, blank=True)
    is_shared = models.BooleanField(_("for everybody in the studio"), default=False)
    created_at = models.DateTimeField(_("created"))
    archived_at = models.DateTimeField(_("archived"), null=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "folded_name"], name="one_project_per_name")
        ]
        indexes = [
            models.Index(fields=["folded_name"], name="project_shared", condition=Q(is_shared=True))
        ]

    def __str__(self) -> str:
        return self.name
