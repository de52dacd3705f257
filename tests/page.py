"""A page as a person finds it: elements by what they are, their words, what its form would send."""

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, SubElement

VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
NOT_SENT = ("file", "url", "range", "submit", "button")  # or only when filled in by hand


class Page(HTMLParser):
    """`Page(response)` reads what was answered. Paths are those of ElementTree."""

    def __init__(self, response) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page")
        self._open = [self.root]
        self.feed(response.content.decode())
        self.close()
        assert self._open == [self.root], f"<{self._open[-1].tag}> is never closed"

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(self._open[-1][-1])

    def handle_startendtag(self, tag, attrs):
        SubElement(self._open[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
            self._open.pop()

    def handle_data(self, data):
        parent = self._open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + data
        else:
            parent.text = (parent.text or "") + data

    def all(self, path: str) -> list[Element]:
        return self.root.findall(f".//{path}")

    def one(self, path: str) -> Element:
        found = self.all(path)
        assert len(found) == 1, f"{len(found)} of {path}"
        return found[0]

    @property
    def text(self) -> str:
        return words(self.root)

    def named(self, name: str) -> list[Element]:
        """Every control with this name."""
        return self.all(f"*[@name='{name}']")

    def value(self, name: str) -> object:
        """What the form sends under this name: a text, or the list of what is ticked."""
        found = [e for e in self.named(name) if e.get("type") not in NOT_SENT]
        if not found:
            return None
        kind = found[0].get("type")
        if kind in ("radio", "checkbox"):
            ticked = [e.get("value") for e in found if e.get("checked") is not None]
            return ticked if kind == "checkbox" else (ticked or [None])[0]
        if found[0].tag == "textarea":
            return "".join(found[0].itertext()).removeprefix("\n")
        return found[0].get("value", "")

    def typed(self) -> dict[str, object]:
        """All that pressing the button would send, files chosen on the device aside."""
        form = self.one("form[@id='generate']")
        names = {e.get("name") for e in form.iter() if e.get("name") and e.tag != "button"}
        sent = {name: self.value(name) for name in names if name != "csrfmiddlewaretoken"}
        return {name: value for name, value in sent.items() if value not in (None, [])}

    def error(self, name: str) -> str:
        """The words in the place for what is wrong with this control."""
        return words(self.one(f"*[@data-error-for='{name}']"))

    def errors(self) -> dict[str, str]:
        """Everything that is said to be wrong, by control."""
        found = {e.get("data-error-for", ""): words(e) for e in self.all("*[@data-error-for]")}
        return {name: said for name, said in found.items() if said}

    def card(self, pk: int) -> Element:
        """The one place where this generation stands."""
        return self.one(f"*[@data-generation='{pk}']")

    def cards(self) -> dict[int, str]:
        """The state of each generation on the page, in their order."""
        found = self.all("*[@data-generation]")
        return {int(e.get("data-generation", "")): e.get("data-status", "") for e in found}


def words(element: Element) -> str:
    """The text of an element, on one line."""
    return " ".join("".join(element.itertext()).split())
