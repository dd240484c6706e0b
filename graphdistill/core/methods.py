"""The methods of a family, one module each in one folder: read from their source, without importing them.

Every method is a module with a docstring (its equation), ``PAPER``, ``RESULT`` (what the paper reports and what was
measured here), ``FOR`` (the kinds of data that it is for), a frozen ``Config`` and one entry function. Help pages and
argument checks read all of this from the source, without importing torch.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """Base of the configs of all methods: a method's own fields, each an option of the command.

    The class is compiled from the method's source on its own, so it may only use builtins, ``dataclass``, ``Literal``
    and this class, or extend the ``Config`` of another method of the family, as in ``class Config(dc.Config)``.
    """

    docs: ClassVar[Mapping[str, str]] = {}

    @property
    def name(self) -> str:
        """Name of the method as on the command line."""
        return type(self).__module__.rpartition(".")[2].replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the paper of a method reports, and what was measured here: the numbers on its card.

    Attributes:
        paper: the number of the paper, its data and whether it was checked, or why there is none.
        ours: the number that was measured here, as in the pages of benchmarks, or ``not measured``.
        command: the command that prints it.
        differs: what is different here from the paper, in a sentence.
        instead: what to use where the method does not pay, in a sentence; empty where it always pays.
    """

    paper: str
    ours: str
    command: str
    differs: str
    instead: str = ""


@dataclass(frozen=True)
class Family:
    """The methods in one package.

    Args:
        package: name of the package, whose modules are the methods.
        folder: folder of that package.
    """

    package: str
    folder: Path

    def names(self, kind: str | None = None) -> list[str]:
        """Names of all methods, or of those for one kind of data, as on the command line."""
        found = [name.replace("_", "-") for name in names(self.folder)]
        return [name for name in found if kind is None or kind in self.kinds(name)]

    def check(self, method: str | MethodConfig, kind: str | None = None) -> None:
        """Reject an unknown method or one for another kind of data; the method is not imported.

        Raises:
            ValueError: with the choices.
        """
        name = self.name_of(method)
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"--method {name!r} is unknown.{hint} Choices: {', '.join(self.names())}; list prints them all"
            )
        if kind is not None and kind not in self.kinds(name):
            raise ValueError(
                f"--method {name} is for {' and '.join(self.kinds(name))}, but the data set holds {kind}; "
                f"for {kind} choose from {', '.join(self.names(kind))}"
            )

    @staticmethod
    def name_of(method: str | MethodConfig) -> str:
        """Name of a method that is given by name, or by its config."""
        return method if isinstance(method, str) else method.name

    def about(self, name: str) -> tuple[str, str]:
        """Summary and paper of a method; the method is not imported."""
        return summary(self._path(name)), constants(self._path(name))["PAPER"]

    def result(self, name: str) -> Result:
        """What the paper of a method reports and what was measured here; the method is not imported."""
        return result(self._path(name))

    def kinds(self, name: str) -> tuple[str, ...]:
        """The kinds of data that a method supports; the method is not imported."""
        found: tuple[str, ...] = constants(self._path(name))["FOR"]
        return found

    def config_type(self, name: str) -> type[MethodConfig]:
        """A stand-in for the ``Config`` of a method with the same fields and checks; the method is not imported."""
        return _config_type(self._path(name), f"{self.package}.{self._path(name).stem}")

    def module(self, method: str | MethodConfig) -> ModuleType:
        """The module of a method, imported.

        Raises:
            ValueError: the method is unknown.
        """
        self.check(method)
        name = self.name_of(method)
        return importlib.import_module(f"{self.package}.{self._path(name).stem}")

    def config(self, method: str | MethodConfig) -> Any:
        """The config of a method that is given by name, by its config or by a stand-in for it; the method is imported.

        Raises:
            ValueError: the method is unknown.
        """
        made: type[MethodConfig] = self.module(method).Config
        return method if isinstance(method, made) else made(**({} if isinstance(method, str) else asdict(method)))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace('-', '_')}.py"


@functools.cache
def _config_type(path: Path, module: str) -> type[MethodConfig]:
    (node,) = (n for n in _parsed(path).body if isinstance(n, ast.ClassDef) and n.name == "Config")
    names: dict[str, Any] = {"dataclass": dataclass, "Literal": Literal, "MethodConfig": MethodConfig}
    names["__name__"] = module
    inherited: Mapping[str, str] = {}
    for base in node.bases:
        if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
            # A variant of another method of the family, such as dc.Config.
            stem, package = base.value.id, module.rpartition(".")[0]
            above = _config_type(path.with_name(f"{stem}.py"), f"{package}.{stem}")
            names[stem], inherited = SimpleNamespace(Config=above), above.docs
    exec(compile(ast.Module([node], []), str(path), "exec", dont_inherit=True), names)
    made: Any = names["Config"]
    made.docs = {**inherited, **documented(node)}
    return made  # type: ignore[no-any-return]


def options_of(config: MethodConfig) -> dict[str, Any]:
    """Name and value of the fields of a method's config.

    Example:
        >>> options_of(MethodConfig())
        {}
    """
    return {f.name: getattr(config, f.name) for f in fields(config)}


def documented(owner: ast.ClassDef) -> dict[str, str]:
    r"""The docstring under each annotated field of a class.

    Example:
        >>> documented(ast.parse("class A:\n    b: int = 1\n    \'Its use.\'").body[0])
        {'b': 'Its use.'}
    """
    found = {}
    for field, text in zip(owner.body, owner.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def names(folder: Path) -> list[str]:
    """Sorted names of the modules in a folder, without private ones.

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
    """Names and values of a module's literal assignments.

    Args:
        path: path of the module.
        owner: class of the module whose attributes are read instead. (default: the module itself)

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
                # A value that is computed at import is not a literal.
                with contextlib.suppress(ValueError):
                    found[ast.unparse(target)] = ast.literal_eval(node.value)
    return found


def result(path: Path) -> Result:
    """The ``RESULT`` of a module, which holds literals alone, without importing the module.

    Example:
        >>> result(Path(__file__).parents[1] / "mirage" / "__init__.py").command
        'python -m graphdistill.bench mirage --parts accuracy --datasets ogbg-molhiv'
    """
    (call,) = (
        node.value
        for node in _parsed(path).body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "RESULT"
        and isinstance(node.value, ast.Call)
    )
    return Result(**{str(given.arg): ast.literal_eval(given.value) for given in call.keywords})


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
