"""The index of the names of files: pieces of them are found without reading every row."""

from evolink_studio.core.text_index import TextIndex
from evolink_studio.library.models import Asset

NAME_INDEX = TextIndex("library_search", Asset, ("search_text",))
