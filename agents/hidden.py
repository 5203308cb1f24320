"""Modules of an agent that it cannot import, because a package of nightloop's has their name."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterable, Iterator

PACKAGES = ("fusion", "harness", "results", "scenarios", "sensors", "simulator")
"""Loaded before the agent is, so that its own of these names are not looked for. `agents` is not among them: its
folders are joined (`published`)."""


def hidden_import(agent: Path) -> str:
    """Where the agent's file, or a module beside it that it imports, asks for one that is hidden, and what that is.

    Empty where there is none. Read from the sources: what Python would import in its place may go unnoticed for long.
    Of them what is run on import: what functions import may never be asked for.
    """
    folder, left, seen = agent.parent, [agent], {agent}
    own = {name: beside for name in PACKAGES for beside in _own_modules(folder, name)}
    while own and left:
        file = left.pop()
        for line, name in _imports(file, folder):
            top = name.partition(".")[0]
            if top in own:
                return f"{file}:{line}: import of {top} means nightloop's package here and not {own[top]}"
            found = [module for module in _files_of(folder, name) if module not in seen]
            seen.update(found)
            left.extend(found)
    return ""


def _own_modules(folder: Path, name: str) -> Iterator[Path]:
    """The agent's module or package of that name; not nightloop's own, where an agent's file lies beside that."""
    if (folder / "agents" / "hidden.py").is_file():  # of this or another copy
        return
    module, package = folder / (name + ".py"), folder / name
    if module.is_file():
        yield module
    elif package.is_dir() and any(package.glob("*.py")):
        yield package


def _imports(file: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """Lines and the names that they may import, as seen from the agent's folder; nothing of what Python cannot read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # it is told when the file is run
    for node in _run_on_import(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = list(file.relative_to(folder).parts[: -node.level]) if node.level else []
            if node.level and not origin:
                continue  # beyond the agent's folder
            origin += [node.module] if node.module else []
            for alias in node.names:
                yield node.lineno, ".".join([*origin, alias.name])


def _run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """This and what is below it, but for functions and what waits for a type checker or a command line."""
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    if isinstance(node, ast.If) and {"TYPE_CHECKING", "__name__"} & {
        getattr(part, "id", getattr(part, "attr", "")) for part in ast.walk(node.test)
    }:
        below: Iterable[ast.AST] = node.orelse
    else:
        below = ast.iter_child_nodes(node)
    for child in below:
        yield from _run_on_import(child)


def _files_of(folder: Path, name: str) -> Iterator[Path]:
    """Every file that is run for `import NAME`, of those that lie in the folder."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:count])
        for file in (place / "__init__.py", place.with_name(place.name + ".py")):
            if file.is_file():
                yield file
                break
