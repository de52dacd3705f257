"""What was done with films, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from evolink_studio.core.json_field import get_member
from evolink_studio.films.models import FilmChange
from evolink_studio.films.services import ChangeResult

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Kind = FilmChange.Kind

_SENTENCES: Mapping[str, "StrOrPromise"] = {
    Kind.STAR: ngettext_lazy("{n} film starred.", "{n} films starred.", "n"),
    Kind.UNSTAR: ngettext_lazy("{n} star taken away.", "{n} stars taken away.", "n"),
    Kind.TAG: ngettext_lazy("{n} film tagged “{name}”.", "{n} films tagged “{name}”.", "n"),
    Kind.UNTAG: ngettext_lazy("“{name}” taken off {n} film.", "“{name}” taken off {n} films.", "n"),
    Kind.COLLECT: ngettext_lazy(
        "{n} film added to the collection.", "{n} films added to the collection.", "n"
    ),
    Kind.UNCOLLECT: ngettext_lazy(
        "{n} film taken out of the collection.", "{n} films taken out of the collection.", "n"
    ),
    Kind.PROJECT: ngettext_lazy("{n} film moved.", "{n} films moved.", "n"),
    Kind.TRASH: ngettext_lazy(
        "{n} film is in the trash, for 30 days. What it cost stays in the books.",
        "{n} films are in the trash, for 30 days. What they cost stays in the books.",
        "n",
    ),
    Kind.RESTORE: ngettext_lazy("{n} film is back.", "{n} films are back.", "n"),
}


@dataclass(frozen=True)
class ChangeNotice:
    """One line about what was done. `change_id` takes it back; None where nothing can."""

    text: str
    change_id: int | None = None
    is_error: bool = False


def present_change(kind: str, result: ChangeResult) -> ChangeNotice:
    """What was done, or why nothing was."""
    sentences = []
    if result.change is not None:
        name = str(get_member(result.change.values, "name") or "")
        sentences.append(_format(_SENTENCES[kind], result.count, name))
    if result.unfinished_count:
        sentences.append(_describe_unfinished(result.unfinished_count))
    if not sentences:
        sentences.append(_("Nothing to change: these films are so already."))
    change_id = result.change.pk if result.change else None
    return ChangeNotice(" ".join(sentences), change_id)


def _describe_unfinished(count: int) -> str:
    return ngettext(
        "{n} film is still being made and stays here; put it into the trash once it has ended.",
        "{n} films are still being made and stay here; put them into the trash once they have "
        "ended.",
        count,
    ).format(n=count)


def _format(sentence: "StrOrPromise", count: int, name: str) -> str:
    """Lazy plurals choose their form by the count; what people typed may hold brackets."""
    text = str(sentence % {"n": count})
    return text.replace("{n}", str(count)).replace("{name}", name)


def present_undo(count: int) -> ChangeNotice:
    """What is as it was before."""
    if not count:
        return ChangeNotice(_("This was taken back already, or has changed since."))
    text = ngettext("Taken back for {n} film.", "Taken back for {n} films.", count)
    return ChangeNotice(text.format(n=count))
