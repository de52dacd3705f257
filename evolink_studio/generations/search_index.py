"""The index of what people wrote: pieces of it are found without reading every prompt.

It holds prompts, and the titles, notes and tags that films were given (`films/labels.py`).
"""

from evolink_studio.core.text_index import TextIndex
from evolink_studio.generations.models import Generation

FILM_INDEX = TextIndex("generations_search", Generation, ("search_text", "label_text"))
