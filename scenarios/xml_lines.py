"""XML read into elements that remember their line, so that a mistake in a route file can be pointed at."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from scenarios.errors import ScenarioError


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> Element | None:
        return next((child for child in self.children if child.tag == tag), None)


def parse_xml(path: Path) -> Element:
    """The root element of a file; ScenarioError with file and line when it cannot be read or is not XML."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    document = Element("", {}, 0)
    open_elements = [document]
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: open_elements.pop()
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ScenarioError(f"{path}:{error.lineno}: not XML: {expat.ErrorString(error.code)}") from error
    except (LookupError, ValueError) as error:  # of an encoding that Python does not know, or expat cannot use
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return document.children[0]


def number_of(element: Element, attribute: str, path: Path) -> float:
    """The value of an attribute that must be a finite number."""
    text = element.attributes.get(attribute)
    if text is None:
        raise ScenarioError(f"{path}:{element.line}: <{element.tag}> has no {attribute}")
    value = finite(text)
    if value is None:
        raise ScenarioError(f"{path}:{element.line}: {attribute}={text!r} of <{element.tag}> is not a number")
    return value


def finite(text: str) -> float | None:
    """The number that a text stands for; None where it is none, or no finite one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
