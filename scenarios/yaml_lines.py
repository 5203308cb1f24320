"""YAML read strictly: a key that stands twice is a mistake, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from scenarios.errors import ScenarioError
from sensors.yaml_numbers import NumberLoader


def read_yaml(text: str, path: Path) -> tuple[yaml.Node | None, Any]:
    """The document as nodes, which know their lines, and as values; ScenarioError names `path` and line.

    Keys that are no text are a mistake as well: `yes` and `1` are read as other things than they look.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ScenarioError(f"{path}:{line}: not YAML: unprintable character {chr(error.character)!r}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{path}:{line}: not YAML: {error.problem}") from error
    except RecursionError:
        raise ScenarioError(f"{path}: not YAML: nested too deeply") from None


class _Loader(NumberLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a date or a number that is none
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is no name", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
