"""What is worth a look before paying: it may be sent, but perhaps does not do what is meant."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import list_media_files
from evolink_studio.catalog.messages import FieldNotice, Message, _
from evolink_studio.catalog.parsing import UNREADABLE
from evolink_studio.catalog.rules import count_values

# The fields whose values a prompt counts as one kind, by the word that it uses: "image", "element".
References = Mapping[str, Sequence[str]]

NOT_SENT = Message(_("This is filled in, but will not be sent."))
NAMES_NOTHING = {
    "image": Message(
        _("{names} names a picture that is not here: there are {count}, counted from 1.")
    ),
    "element": Message(
        _("{names} names an element that is not here: there are {count}, counted from 1.")
    ),
}
NOT_A_REFERENCE = Message(
    _("{names} is sent as plain words. A reference is written <<<image_1>>> or <<<element_1>>>.")
)
NO_REFERENCES = Message(_("{names} is sent as plain words: this model knows no references."))

MAX_LISTED_NAMES = 5
_DOCUMENTED_REFERENCE = re.compile(r"<<<(image|element)_(0+|[1-9][0-9]*)>>>")
_WORD_AND_NUMBER = r"(?:image|img|picture|pic|photo|element|video|audio)[ _-]?[0-9]{1,9}"
# Brackets as in <<<image_1>>>, in any number and around anything, or other brackets around a word
# and a number.
_BRACKETED = (
    r"(?<!<)<{2,9}[^<>\n]{1,40}>{2,9}|(?<![<\[{])[<\[{]{1,9}\s{0,3}"
    + _WORD_AND_NUMBER
    + r"\s{0,3}[>\]}]{1,9}"
)
# A name behind an @, which no address is: that has a letter before it.
_NAME_AFTER_AT = re.compile(_BRACKETED + r"|(?<![\w.@])@\w[\w-]{0,39}", re.IGNORECASE)
_PICTURE_AFTER_AT = re.compile(
    _BRACKETED + r"|(?<![\w.@])@" + _WORD_AND_NUMBER + r"(?!\w)", re.IGNORECASE
)


def find_notices(
    fields: Iterable[Field],
    references: References,
    parsed_values: Mapping[str, Any],
    ignored_names: Container[str],
) -> Iterator[FieldNotice]:
    """Every notice about these values, in the order of the fields.

    `parsed_values` come from `parse_value`; of an ignored field only that it is not sent is said.
    """
    sent_values = {
        name: value
        for name, value in parsed_values.items()
        if name not in ignored_names and value is not UNREADABLE
    }
    counts = {
        kind: sum(count_values(sent_values.get(name)) for name in names)
        for kind, names in references.items()
    }
    for field in fields:
        if field.name in ignored_names and parsed_values.get(field.name) is not None:
            yield FieldNotice(field.name, NOT_SENT)
        value = sent_values.get(field.name)
        yield from _find_file_warnings(field, value)
        for index, column, text in _list_prompts(field, value):
            for message in find_reference_messages(text, counts):
                yield FieldNotice(field.name, message, index, column)


def _find_file_warnings(field: Field, value: Any) -> Iterator[FieldNotice]:
    constraints = field.media_constraints
    if constraints is None:
        return
    for index, media in enumerate(list_media_files(value)):
        if not constraints.find_violations(media):
            for message in constraints.find_warnings(media):
                yield FieldNotice(field.name, message, index if field.is_multiple else None)


def _list_prompts(field: Field, value: Any) -> Iterator[tuple[int | None, str | None, str]]:
    """The prompts in a field's value, as (index, column, text)."""
    if field.control is Control.PROMPT and isinstance(value, str):
        yield None, None, value
    if field.control is not Control.ROWS or not isinstance(value, list):
        return
    for index, row in enumerate(value):
        for column in field.columns:
            text = row.get(column.name) if isinstance(row, Mapping) else None
            if column.control is Control.PROMPT and isinstance(text, str):
                yield index, column.name, text


def find_reference_messages(text: str, counts: Mapping[str, int]) -> Iterator[Message]:
    """What a prompt names that is not there, or in a way that is not documented.

    `counts`: how many pictures ("image") and elements ("element") there are; empty for an AI model
    without references.
    """
    pattern = _NAME_AFTER_AT if counts else _PICTURE_AFTER_AT
    names_by_message: dict[str, list[str]] = {}
    messages: dict[str, Message] = {}
    for name in dict.fromkeys(match.group() for match in pattern.finditer(text)):
        message = _find_reference_message(name, counts)
        if message is not None:
            messages[message.msgid] = message
            names_by_message.setdefault(message.msgid, []).append(name)
    for msgid, message in messages.items():
        names = names_by_message[msgid]
        more = ["…"] if len(names) > MAX_LISTED_NAMES else []
        yield message.with_values(names=", ".join([*names[:MAX_LISTED_NAMES], *more]))


def _find_reference_message(name: str, counts: Mapping[str, int]) -> Message | None:
    if not counts:
        return NO_REFERENCES
    reference = _DOCUMENTED_REFERENCE.search(name)
    if reference is None or reference.group(1) not in counts:
        return NOT_A_REFERENCE
    kind, number = reference.groups()
    count = counts[kind]
    # Compared by length first: a number of thousands of digits is never converted.
    is_there = len(number) <= len(str(count)) and 1 <= int(number) <= count
    return None if is_there else NAMES_NOTHING[kind].with_values(count=count)
