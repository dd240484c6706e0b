"""A command line from a config dataclass: the only place that parses arguments."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import io
import itertools
import sys
import textwrap
import traceback
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import rich.console
import tyro
from rich.table import Table
from rich.text import Text

from graphdistill import __version__
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.progress import progress
from graphdistill.core.command.streams import replace_unknown
from graphdistill.core.methods import Family, MethodConfig, documented

Config = TypeVar("Config")


def run(
    main: Callable[[Config], None],
    config_type: type[Config],
    *,
    prog: str,
    description: str,
    argv: Sequence[str] | None = None,
    family: Family | None = None,
) -> int:
    """Parse ``argv`` into a config, call ``main`` with it and return the exit code.

    Every field of the config is an option: ``smiles_column`` is ``--smiles-column``, a bool is a flag, and
    the docstring under the field is its help. ``--help`` and ``--version`` are added. A bool
    field ``debug`` of the config shows the traceback of an error; a bool field ``quiet`` turns progress off.

    Args:
        main: does the work; it raises ``ValueError`` for errors that the user can fix.
        config_type: flat, keyword-only dataclass with immutable defaults.
        prog: name of the command in messages.
        description: what the command does, in a sentence or two.
        argv: arguments of the command line (default: those that Python was started with).
        family: methods that ``--method`` names. It is read first: ``list`` prints them all, any other name adds the
            fields of the method's config to the options, and the field ``method`` is that config. (default: none)

    Returns:
        0 on success, 2 for invalid arguments or an invalid config, 1 for any other failure or Ctrl-C. A failure
        prints one line on stderr.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Config:
        ...     hops: int = 2
        >>> def main(config: Config) -> None:
        ...     print("hops:", config.hops)
        >>> run(main, Config, prog="demo", description="Show the hops.", argv=["--hops", "3"])
        hops: 3
        0
    """
    replace_unknown()
    words = list(sys.argv[1:] if argv is None else argv)
    if "--version" in words:
        return version()
    try:
        if family is not None and _method(config_type, words) == "list":
            return listed(family)
        config = _parse(config_type, words, prog, description, family)
        if config is not None:
            with progress(quiet=getattr(config, "quiet", False)):
                main(config)
        return 0
    except KeyboardInterrupt as error:
        return _fail("--debug" in words, f"{prog}: interrupted; {str(error) or 'nothing was written'}", 1)
    except ValueError as error:
        return _fail("--debug" in words, f"{prog}: error: {_one_line(error)}", 2)
    except Exception as error:
        hint = "" if "--debug" in words else " (--debug shows where)"
        return _fail("--debug" in words, f"{prog}: {type(error).__name__}: {_one_line(error)}{hint}", 1)


def version() -> int:
    """Print the version and return the exit code of success.

    Example:
        >>> code = version()  # doctest: +ELLIPSIS
        graphdistill ...
    """
    sys.stdout.write(f"graphdistill {__version__}\n")
    return 0


def _fail(debug: bool, line: str, code: int) -> int:
    """Print the exception that is being handled and return the exit code."""
    if debug:
        traceback.print_exc()
    sys.stderr.write(line + "\n")
    return code


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"


def listed(family: Family) -> int:
    """Print each method of a family with its kinds of data, its summary and its paper, and return exit code 0."""
    shown = Table(box=None, pad_edge=False)
    for column in ("method", "for", ""):
        shown.add_column(column, style="bold" if column == "method" else "", no_wrap=column == "method")
    for name in family.names():
        line, paper = family.about(name)
        shown.add_row(Text(name), Text("\n".join(family.kinds(name))), Text(f"{line}\n{paper}"))
    rich.console.Console().print(shown)
    return 0


def _method(config_type: type, words: list[str]) -> str:
    """The method that the arguments name, or the default."""
    (default,) = (f.default for f in fields(config_type) if f.name == "method")
    return [*_received(words, "--method")[0], str(default)][0]


def _parse(
    config_type: type[Config], words: list[str], prog: str, description: str, family: Family | None
) -> Config | None:
    """The config that the arguments describe, or ``None`` after help was printed."""
    own: type[MethodConfig] | None = None
    if family is not None:
        name = _method(config_type, words)
        family.check(name)
        own = family.config_type(name)
        prog, description = f"{prog} --method {name}", f"{description} {family.about(name)[0]}"
    # A copy of the fields without the config's checks, so that those errors are reported here.
    options = make_dataclass("Options", _options(config_type, own), kw_only=True)
    _reject_unknown(words, options)
    if {"-h", "--help"} & set(words):
        _read(options, ["--help"], prog, description)
        return None
    values = _read(options, words)
    if values is None:
        raise ValueError(_problem(options, words))
    found = {f.name: getattr(values, f.name) for f in _fields(config_type)}
    if own is not None:
        found["method"] = own(**{f.name: getattr(values, f.name) for f in fields(own)})
    return config_type(**{name: expanded(value) if isinstance(value, Path) else value for name, value in found.items()})


def _read(options: type, words: list[str], prog: str = "", description: str = "") -> Any:
    """The options that arguments describe; ``None`` if tyro refuses them, or with ``--help``, which it prints."""
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        return tyro.cli(
            options,
            prog=prog,
            description=description,
            args=words,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    return None


def _fields(config_type: type) -> list[Field[Any]]:
    return [f for f in fields(config_type) if f.init]


def _options(config_type: type, own: type[MethodConfig] | None = None) -> list[tuple[str, Any, Any]]:
    """Name, annotated type and default of each option, those of the method first, with short help."""
    hints, docs = _hints(config_type, own), _docs(config_type)
    options: list[tuple[str, Any, Any]] = []
    if own is not None:
        docs |= own.docs
    for f in [*(fields(own) if own is not None else ()), *_fields(config_type)]:
        value, choices = _placeholder(hints[f.name])
        shown = [f"one of {', '.join(choices)}"] if choices else []
        if f.default is MISSING:
            shown.append("required")
        elif f.default not in (None, "") and not isinstance(f.default, bool):
            words = f.default if isinstance(f.default, tuple) else (f.default,)
            shown.append(f"default: {' '.join(map(str, words))}")
        hint = f"({'; '.join(shown)})" if shown else ""
        about = tyro.conf.arg(help=docs.get(f.name, ""), metavar=value, help_behavior_hint=hint)
        options.append((f.name, Annotated[hints[f.name], about], field(default=f.default)))
    about = tyro.conf.arg(help="Print the version and exit.", help_behavior_hint="")
    return [*options, ("version", Annotated[bool, about], field(default=False))]


def _hints(config_type: type, own: type[MethodConfig] | None) -> dict[str, Any]:
    """Type of each option."""
    hints = typing.get_type_hints(config_type, include_extras=True)
    if own is not None:
        hints |= {"method": str, **{f.name: f.type for f in fields(own)}}
    return hints


def _placeholder(hint: Any) -> tuple[str | None, list[str]]:
    """Placeholder of an option's value in the help, such as ``INT ...``, and its choices."""
    origin, inner = typing.get_origin(hint), [a for a in typing.get_args(hint) if a is not type(None)]
    if origin is Annotated:
        return _placeholder(inner[0])
    if origin in (typing.Union, types.UnionType):
        return _placeholder(inner[0])
    if origin is Literal:
        return "NAME", [str(a) for a in inner]
    if origin is tuple:
        value, choices = _placeholder(inner[0])
        return f"{value} ...", choices
    if hint is bool:
        return None, []
    return getattr(hint, "__name__", "VALUE").upper(), []


def _docs(config_type: type) -> dict[str, str]:
    """The docstring under each field of a dataclass and of its base classes."""
    docs: dict[str, str] = {}
    for owner in reversed(config_type.__mro__[:-1]):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        except (OSError, TypeError):
            continue  # A class typed at a prompt has no source to read.
        assert isinstance(body, ast.ClassDef)
        docs |= documented(body)
    return docs


def _reject_unknown(words: list[str], options: type) -> None:
    """Reject an unknown option and suggest the nearest existing one."""
    known = ["help"]
    for f in fields(options):
        name = f.name.replace("_", "-")
        known.append(f"no-{name}" if f.default is True else name)
    for word in words:
        name = word[2:].split("=")[0].replace("_", "-")
        if word.startswith("--") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean --{near[0]}?" if near else "--help lists all"
            raise ValueError(f"unknown option --{name}; {advice}")


def _problem(options: type, words: list[str]) -> str:
    """What is wrong with arguments that tyro refuses: the option, what it takes and what it got.

    Each option is read alone, since tyro has no public access to its errors but their printed boxes (up to 1.0.17
    ``tyro._errors.on_parse_error`` is private).
    """
    stray = list(itertools.takewhile(lambda word: not word.startswith("--"), words))
    if stray:
        return f"unrecognized argument {' '.join(stray)}; options begin with --"
    for f in fields(options):
        option = f"--{f.name.replace('_', '-')}"
        got, given = _received(words, option)
        if not given and f.default is not MISSING:
            continue
        alone = make_dataclass("Option", [(f.name, f.type, field(default=f.default))], kw_only=True)
        if not given or _read(alone, [option, *got]) is None:
            value, choices = _placeholder(f.type)
            takes = f"{value} (one of {', '.join(choices)})" if choices else value or "no value"
            return f"{option} takes {takes}, got {' '.join(got) or 'nothing'}"
    return f"arguments cannot be read: {' '.join(words)}; --help lists all options"


def _received(words: list[str], option: str) -> tuple[list[str], bool]:
    """The arguments between the last ``option`` and the next option, and whether the option is there."""
    got: list[str] = []
    here = given = False
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            here = name.replace("_", "-") == option
            given = given or here
            got = ([value] if equals else []) if here else got
        elif here:
            got.append(word)
    return got, given
