"""A page as a person finds it: elements by what they are, their words, what its form would send."""

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, SubElement

VOID_TAGS = frozenset(
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
UNSENT_INPUT_TYPES = ("file", "url", "range", "submit", "button")  # or only when filled in


class ParsedPage(HTMLParser):
    """`ParsedPage(response)` reads an answer. Paths are those of ElementTree."""

    def __init__(self, response) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page")
        self._open_elements = [self.root]
        self.feed(response.content.decode())
        self.close()
        assert self._open_elements == [self.root], (
            f"<{self._open_elements[-1].tag}> is never closed"
        )

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID_TAGS:
            self._open_elements.append(self._open_elements[-1][-1])

    def handle_startendtag(self, tag, attrs):
        SubElement(self._open_elements[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag):
        if tag not in VOID_TAGS:
            assert self._open_elements[-1].tag == tag, (
                f"</{tag}> closes <{self._open_elements[-1].tag}>"
            )
            self._open_elements.pop()

    def handle_data(self, data):
        parent = self._open_elements[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + data
        else:
            parent.text = (parent.text or "") + data

    def find_all(self, path: str) -> list[Element]:
        return self.root.findall(f".//{path}")

    def find_one(self, path: str) -> Element:
        elements = self.find_all(path)
        assert len(elements) == 1, f"{len(elements)} of {path}"
        return elements[0]

    @property
    def text(self) -> str:
        return element_text(self.root)

    def find_controls(self, name: str) -> list[Element]:
        """Every control with this name."""
        return self.find_all(f"*[@name='{name}']")

    def control_value(self, name: str) -> object:
        """What the form sends under this name: a text, or the list of what is ticked."""
        controls = [e for e in self.find_controls(name) if e.get("type") not in UNSENT_INPUT_TYPES]
        if not controls:
            return None
        kind = controls[0].get("type")
        if kind in ("radio", "checkbox"):
            checked_values = [e.get("value") for e in controls if e.get("checked") is not None]
            return checked_values if kind == "checkbox" else (checked_values or [None])[0]
        if controls[0].tag == "textarea":
            return "".join(controls[0].itertext()).removeprefix("\n")
        return controls[0].get("value", "")

    def form_values(self) -> dict[str, object]:
        """All that pressing the button would send, files chosen on the device aside."""
        form = self.find_one("form[@id='generate']")
        names = {e.get("name") for e in form.iter() if e.get("name") and e.tag != "button"}
        values = {name: self.control_value(name) for name in names if name != "csrfmiddlewaretoken"}
        return {name: value for name, value in values.items() if value not in (None, [])}

    def error_text(self, name: str) -> str:
        """The words in the place for what is wrong with this control."""
        return element_text(self.find_one(f"*[@data-error-for='{name}']"))

    def error_texts(self) -> dict[str, str]:
        """Everything that is said to be wrong, by control."""
        texts = {
            e.get("data-error-for", ""): element_text(e)
            for e in self.find_all("*[@data-error-for]")
        }
        return {name: text for name, text in texts.items() if text}

    def find_card(self, pk: int) -> Element:
        """The card of this generation."""
        return self.find_one(f"*[@data-generation='{pk}']")

    def card_states(self) -> dict[int, str]:
        """The state of each generation on the page, in their order."""
        elements = self.find_all("*[@data-generation]")
        return {int(e.get("data-generation", "")): e.get("data-status", "") for e in elements}


def element_text(element: Element) -> str:
    """The text of an element, on one line."""
    return " ".join("".join(element.itertext()).split())
