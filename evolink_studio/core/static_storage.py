"""How static files are collected: our own styles and scripts lose what only their readers need."""

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


def list_minified_sources(folder: Path) -> list[Path]:
    """Styles and scripts of the folder itself; those of others, below it, stay as they came."""
    return sorted(path for path in folder.iterdir() if path.suffix in MINIFIERS)


def minify_source(path: Path) -> bytes:
    """The content as it is served."""
    return MINIFIERS[path.suffix](path.read_text(encoding="utf-8")).encode()


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
