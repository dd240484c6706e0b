"""The rules of the house that a machine can hold: where imports go, tests that mirror modules, sizes."""

import ast
import graphlib
import re
import tomllib
from pathlib import Path

import pytest

import graphdistill
from fed.config import FedConfig

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "graphdistill"
MODULES = sorted(PACKAGE.rglob("*.py"))
FED = sorted((ROOT / "fed").rglob("*.py"))
ROOMS = sorted({p.parent.name for p in PACKAGE.glob("*/*.py")})
METHODS = [room for room in ROOMS if room not in ("core", "datasets", "bench")]
TABLES = {
    "graphdistill",
    *(
        f"graphdistill.{name}"
        for name in ("compress", "condense", "generate", "kd", "mirage", "protect", "unlearn", "vqgraph")
    ),
}
"""Packages whose public names are imported on first use."""
PYTHON = sorted(p for top in ("graphdistill", "fed", "examples", "tests") for p in (ROOT / top).rglob("*.py"))


def name(path):
    return path.relative_to(ROOT).as_posix()


def imported(source, package):
    """Absolute names of all that a module of ``package`` imports, anywhere in its source."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def forbidden(room, names):
    """Those of ``names`` that a module in ``room`` may not import; the room of the package itself is ''."""
    may = {
        "core": {"core"},
        "datasets": {"core", "datasets"},
        "bench": set(ROOMS),
        "": set(ROOMS) - {"bench"},
    }.get(room, {"core", "datasets", "kd", room})
    bad = set()
    for full in names:
        top, _, rest = full.partition(".")
        other = rest.split(".")[0]
        above = {"fed", "tests", "examples", "reference"} - ({"fed"} if room == "bench" else set())
        if top in above or (top == "flwr" and room in ("core", "datasets")):
            bad.add(full)
        elif top == "graphdistill" and other in ROOMS and other not in may:
            bad.add(full)
    return bad


def test_imports_are_read_right():
    source = "import a.b\nfrom c import d as e\nfrom . import f\nfrom ..g import h\ndef i():\n    from .j import k"
    assert imported(source, "p.q") == {"a.b", "c.d", "p.q.f", "p.g.h", "p.q.j.k"}


@pytest.mark.parametrize(
    ("room", "full", "allowed"),
    [
        ("core", "graphdistill.core.data.graphs.Graphs", True),
        ("core", "graphdistill.__version__", True),
        ("core", "graphdistill.datasets.load", False),
        ("core", "flwr.app", False),
        ("datasets", "graphdistill.core.data.datasets", True),
        ("datasets", "graphdistill.mirage", False),
        ("mirage", "graphdistill.datasets", True),
        ("mirage", "tests.reference", False),
        ("mirage", "fed.app", False),
        ("vqgraph", "graphdistill.mirage.mining", False),
        ("vqgraph", "graphdistill.kd.distill", True),
        ("kd", "graphdistill.vqgraph.codes", False),
        ("unlearn", "graphdistill.kd.distill", True),
        ("unlearn", "graphdistill.condense.distill", False),
        ("datasets", "graphdistill.kd", False),
        ("bench", "graphdistill.mirage", True),
        ("bench", "fed.config", True),
        ("bench", "tests.reference", False),
    ],
)
def test_the_rule_itself(room, full, allowed, monkeypatch):
    monkeypatch.setitem(
        globals(), "ROOMS", ["bench", "condense", "core", "datasets", "kd", "mirage", "unlearn", "vqgraph"]
    )
    assert forbidden(room, {full}) == (set() if allowed else {full})


def failures(paths, check):
    """What a check finds in each file, by name; files where it finds nothing are left out."""
    return {name(path): found for path in paths if (found := check(path))}


def test_imports_run_one_way():
    def wrong(path):
        folders = path.relative_to(PACKAGE).parts[:-1]
        names = imported(path.read_text(encoding="utf-8"), ".".join(["graphdistill", *folders]))
        return forbidden(folders[0] if folders else "", names)

    assert failures(MODULES, wrong) == {}


FLOWER = (
    "__main__",
    "client_app",
    "features",
    "mirage/driver",
    "runtime/in_process",
    "server/generated",
    "server/guard",
    "server/privacy",
    "server/registration",
    "server/replies",
    "server/strategy",
    "server/training",
    "trees/driver",
    "server_app",
)
"""Modules of ``fed`` that know of Flower."""


def test_fed_stands_on_what_it_may():
    def wrong(path):
        inside = path.relative_to(ROOT / "fed").with_suffix("")
        names = imported(path.read_text(encoding="utf-8"), ".".join(["fed", *inside.parts[:-1]]))
        may = {"core", "datasets", "compress", "condense", "generate", "mirage", "__version__"}
        may |= {"bench"} if inside.name == "bench" else set()
        never = {"tests", "examples"} | (set() if inside.as_posix() in FLOWER else {"flwr"})
        ours = {n for n in names if n.startswith("graphdistill.") and n.split(".")[1] not in may}
        return ours | {n for n in names if n.split(".")[0] in never}

    assert failures(FED, wrong) == {}


def test_no_file_imports_another_in_a_circle():
    module = {p: ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in MODULES + FED}
    uses, known = {}, set(module.values())
    for path, own in module.items():
        package = own if path.stem == "__init__" else own.rpartition(".")[0]
        names = imported(path.read_text(encoding="utf-8"), package)
        uses[own] = {m for n in names for m in (n, n.rpartition(".")[0]) if m in known} - {own}
    # A package's table of public names says where they are, on first use; it imports nothing by itself.
    uses = {own: {m for m in others if not own.startswith(m + ".")} for own, others in uses.items()}
    order = graphlib.TopologicalSorter({own: others for own, others in uses.items() if own not in TABLES})
    order.prepare()


def mirrors(path):
    """The test files that a module may have, of which one has to be there."""
    inside = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT)
    stems = ["command", "main"] if path.stem == "__main__" else [path.stem.strip("_")]
    return [ROOT / "tests" / inside.parent / f"test_{stem}.py" for stem in stems]


def test_every_module_has_its_tests():
    def wanted(path):
        choices = mirrors(path)
        return [] if any(p.is_file() for p in choices) else [*map(name, choices)]

    assert failures([p for p in MODULES + FED if p.stem != "__init__"], wanted) == {}


def test_nothing_prints_at_import():
    def prints(path):
        outside = [n for n in ast.parse(path.read_text(encoding="utf-8")).body if not isinstance(n, ast.FunctionDef)]
        calls = [n for top in outside for n in ast.walk(top) if isinstance(n, ast.Call)]
        return [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]

    assert failures(MODULES + FED, prints) == {}


def test_folders_are_at_most_three_deep():
    assert failures(PYTHON, lambda path: path.relative_to(ROOT).parts[4:]) == {}


def test_no_file_asks_to_be_two():
    assert failures(PYTHON, lambda path: path.read_text(encoding="utf-8").splitlines()[400:]) == {}


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^]]*)\]", text, flags=re.MULTILINE)
    assert versions[0] == graphdistill.__version__


def test_the_version_is_the_same_in_both_places():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == graphdistill.__version__


def test_flowers_settings_are_the_defaults_of_fed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["flwr"]["app"]["config"] == FedConfig().run_config()


def test_pins_cover_what_is_depended_on():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = set(re.findall(r'"([a-z][\w-]*)>=', project))
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert wanted <= pinned


IDIOM = (
    "told said heard thought looks beside taught took Turn Terms SOFTNESS LESSONS HUGE Descent eight_bits "
    "in_turn unshared inpath"
).split()
"""Words of a private language, which a newcomer would have to learn."""
PROSE = [
    *(p for p in PYTHON if p.relative_to(ROOT).parts[0] != "tests"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    # The map of renamed keys is the one page that has the old ones.
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.name != "renamed.md"),
    *sorted((ROOT / "examples").rglob("*.md")),
]


def test_the_words_are_those_of_the_field():
    pattern = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(IDIOM)})(?![A-Za-z])")
    assert failures(PROSE, lambda path: pattern.findall(path.read_text(encoding="utf-8"))) == {}


@pytest.mark.parametrize("word", ["told", "Terms", "in_turn"])
def test_a_word_of_a_private_language_is_found(word, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"This is {word}.")
    monkeypatch.setitem(globals(), "PROSE", [page])
    with pytest.raises(AssertionError, match=word):
        test_the_words_are_those_of_the_field()
