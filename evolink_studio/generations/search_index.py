"""The index of what people wrote: pieces of it are found without reading every prompt."""

from evolink_studio.core.text_index import TextIndex
from evolink_studio.generations.models import Generation

PROMPT_INDEX = TextIndex("generations_search", Generation, ("search_text",))
