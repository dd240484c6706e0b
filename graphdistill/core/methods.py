"""The methods of a family, one module each in one folder: what is known of them from their source, without an import.

Help pages and checks of arguments read it, and answer before torch is imported.
"""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any


def names(folder: Path) -> list[str]:
    """Names of the modules in a folder, sorted, without those that begin with an underscore.

    Example:
        >>> "methods" in names(Path(__file__).parent)
        True
    """
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def summary(path: Path) -> str:
    """First line of a module's docstring.

    Example:
        >>> summary(Path(__file__)).partition(":")[0]
        'The methods of a family, one module each in one folder'
    """
    return (ast.get_docstring(_parsed(path)) or "").partition("\n")[0]


def constants(path: Path, owner: str = "") -> dict[str, Any]:
    """Names that a module assigns a literal to, with their values.

    Args:
        path: of the module.
        owner: a class of the module whose attributes to read instead. (default: the module itself)

    Example:
        >>> constants(Path(__file__).parent.parent / "__init__.py")["__version__"] > "0"
        True
    """
    body = _parsed(path).body
    if owner:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == owner)
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                # What is computed when the module is imported is no literal.
                with contextlib.suppress(ValueError):
                    found[ast.unparse(target)] = ast.literal_eval(node.value)
    return found


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
