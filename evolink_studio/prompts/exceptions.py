"""Why something that is written more than once is not kept."""

from django.utils.translation import gettext


class InputRejected(Exception):
    """`field` of the form it is about; `str()` is a translated sentence."""

    def __init__(self, field: str, msgid: str, **values: object) -> None:
        super().__init__(msgid)
        self.field = field
        self.msgid = msgid
        self.values = values

    def __str__(self) -> str:
        return gettext(self.msgid).format_map(self.values)
