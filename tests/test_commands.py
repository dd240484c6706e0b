"""What holds for every command: it answers before torch is imported."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from graphdistill import __version__

ROOT = Path(__file__).parent.parent
COMMANDS = [
    *(
        f"graphdistill.{name}"
        for name in ("compress", "condense", "generate", "kd", "mirage", "protect", "unlearn", "vqgraph")
    ),
    "fed",
    *(
        f"graphdistill.bench {name}"
        for name in (
            "arrays circuits codec condense fed generate kd lossless mirage protect scale scatter search vqgraph"
        ).split()
    ),
]
LIGHT = {"graphdistill", "fed", "psutil", "rich", "tyro"}
"""Packages outside of the standard library that may be imported before the arguments are read."""
SCRIPT = """
import runpy, sys
module, *sys.argv = sys.argv[1:]
sys.argv.insert(0, module)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    code = stop.code or 0
sys.stdout.write("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""
HEAVY = {"torch", "torch_geometric", "numpy", "scipy", "sklearn", "matplotlib", "flwr", "ray", "rdkit"}
"""Not ogb: graphdistill.core.offline imports its version, and torch would be seen if there was more of it."""


def ran(command, *words):
    """Exit code, output, errors, and the top-level packages that were imported by the end."""
    module, *own = command.split()
    argv = [sys.executable, "-c", SCRIPT, module, *own, *words]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    out, _, packages = done.stdout.rpartition("\n")
    return done.returncode, out, done.stderr, set(packages.split())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("word", "code", "message"),
    [("--help", 0, "--debug"), ("--version", 0, "graphdistill "), ("--sed=3", 2, "unknown option --sed")],
)
def test_an_answer_needs_no_torch(command, word, code, message):
    found, out, err, packages = ran(command, word)
    assert found == code, err
    assert message in out + err
    assert packages & HEAVY == set()


def test_values_are_checked_and_methods_are_listed_without_torch():
    for command, words, code, message in (
        ("graphdistill.condense", ["--method", "list"], 0, "herding"),
        ("graphdistill.condense", ["--method", "hreding"], 2, "Did you mean herding?"),
        ("graphdistill.kd", ["--method", "list"], 0, "Hinton et al."),
        ("graphdistill.kd", ["--lr", "0"], 2, "--lr must be above 0"),
        ("graphdistill.mirage", ["--hops", "0"], 2, "--hops must be 1 or more"),
        ("graphdistill.vqgraph", ["--seeds", "0"], 2, "--seeds must be 1 or more"),
        ("graphdistill.compress", ["--method", "list"], 0, "Polino et al."),
        ("graphdistill.compress", ["--bits", "9"], 2, "--bits must be 1 to 8, got 9"),
        ("graphdistill.unlearn", ["--method", "list"], 0, "Shen et al."),
        ("graphdistill.unlearn", ["--forget-share", "1"], 2, "--forget-share must be above 0 and below 1"),
        ("graphdistill.protect", ["--method", "list"], 0, "Sadasivan et al."),
        ("graphdistill.protect", ["--blur", "2"], 2, "--blur must be above 0 and at most 1, got 2.0"),
        ("graphdistill.generate", ["--method", "list"], 0, "Yin et al."),
        ("graphdistill.generate", ["--sampling-steps", "0"], 2, "--sampling-steps must be 1 or more, got 0"),
        ("graphdistill.bench generate", ["--methods", "dmd3"], 2, "Did you mean dmd2?"),
        ("fed", ["--method", "list"], 0, "fedlgd"),
        ("fed", ["--method", "fedagv"], 2, "Did you mean fedavg?"),
    ):
        found, out, err, packages = ran(command, *words)
        assert (found, packages & HEAVY) == (code, set()), err
        assert message in out + err


def test_the_benches_are_listed():
    code, out, _, packages = ran("graphdistill.bench", "--help")
    assert (code, packages & HEAVY) == (0, set())
    benches = [command.split()[1] for command in COMMANDS if " " in command]
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == benches
    assert "Benchmark of Mirage:" in out
    assert ran("graphdistill.bench", "--version")[:2] == (0, f"graphdistill {__version__}\n")


def top_level(body):
    """Import statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from top_level(node.orelse)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody", "handlers"):
                yield from top_level(getattr(node, part, []))


def source_of(name):
    """The file of a module of ours, if there is one."""
    path = ROOT / name.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@functools.cache
def imports(name):
    """Modules that one of ours imports when it is imported, those that packages are of included."""
    found = set()
    for node in top_level(ast.parse(source_of(name).read_text(encoding="utf-8")).body):
        full = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        if isinstance(node, ast.ImportFrom):
            full += [f"{node.module}.{a.name}" for a in node.names if source_of(f"{node.module}.{a.name}")]
        for one in full:
            words = one.split(".")
            found |= {".".join(words[: i + 1]) for i in range(len(words))}
    return found


def heavy_path(start):
    """How a module comes to import what is not light, or None."""
    paths, seen = [[start]], {start}
    for path in paths:
        for name in sorted(imports(path[-1]) - seen):
            top = name.partition(".")[0]
            if top not in LIGHT and top not in sys.stdlib_module_names:
                return [*path, name]
            seen.add(name)
            if top in ("graphdistill", "fed") and source_of(name):
                paths.append([*path, name])
    return None


@pytest.mark.parametrize("command", sorted({command.split()[0] for command in COMMANDS}))
def test_what_reads_the_arguments_imports_only_what_is_light(command):
    assert heavy_path(f"{command}.__main__") is None


def test_the_rule_itself():
    assert heavy_path("graphdistill.condense.command")[-1] in ("numpy", "torch")
    source = (
        "import a\nif TYPE_CHECKING:\n    import b\nelse:\n    import c\ndef f():\n    import d\ntry:\n    import e\n"
    )
    source += "except ImportError:\n    import g\n"
    assert [node.names[0].name for node in top_level(ast.parse(source).body)] == list("aceg")
