"""How static files are collected: our own styles and scripts lose what only their readers need."""

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import rcssmin
import rjsmin
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Comments and blanks go, nothing is renamed: what runs is what was written.
MINIFIERS: Mapping[str, Callable[[str], str]] = {".css": rcssmin.cssmin, ".js": rjsmin.jsmin}

# A style or script that names others of the same folder is collected with them as one file. Such a
# script exports nothing; in a block of its own it keeps its names to itself, as a module does.
_IMPORTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    ".css": (re.compile(r'@import "([\w.-]+)";'), "%s"),
    ".js": (re.compile(r'^import "\./([\w.-]+)";$', re.MULTILINE), "{\n%s\n}"),
}

# Inside of a block the minifier takes ".a :is(b)" for a declaration, and would make it ".a:is(b)".
_DESCENDANT_PATTERN = re.compile(r"(?<=[\w\])]) (?=:(?:is|not|where|has)\()")


def list_minified_sources(folder: Path) -> list[Path]:
    """Styles and scripts of the folder itself; those of others, below it, stay as they came."""
    return sorted(path for path in folder.iterdir() if path.suffix in MINIFIERS)


def minify_source(path: Path) -> bytes:
    """The content as it is served, with what it imports."""
    return MINIFIERS[path.suffix](read_source(path)).encode()


def read_source(path: Path) -> str:
    """The text of a style or script, with that of those that it imports."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        text = _DESCENDANT_PATTERN.sub(" *", text)
    pattern, frame = _IMPORTS[path.suffix]
    return pattern.sub(lambda match: frame % read_source(path.with_name(match[1])), text)


class StudioStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Minifies before a file's name gets its hash and the file is compressed."""

    def post_process(
        self,
        paths: MutableMapping[str, tuple[Storage, str]],
        dry_run: bool = False,
        **options: Any,
    ) -> Iterator[Any]:
        """`paths` says for each collected name where its content is read from."""
        for folder in () if dry_run else settings.STATICFILES_DIRS:
            for source in list_minified_sources(Path(folder)):
                self.delete(source.name)
                self.save(source.name, ContentFile(minify_source(source)))
                paths[source.name] = (self, source.name)
        yield from super().post_process(paths, dry_run, **options)
