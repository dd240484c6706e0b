"""What README.md and the pages of docs show is run: Python as it stands, commands up to the first training."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from fed import __main__ as fed
from fed.methods import FAMILY as FED
from graphdistill.compress import config as compress
from graphdistill.compress.methods import FAMILY as COMPRESS
from graphdistill.condense import config as condense
from graphdistill.condense.methods import FAMILY as CONDENSE
from graphdistill.core.command import cli
from graphdistill.generate import config as generate
from graphdistill.generate.methods import FAMILY as GENERATE
from graphdistill.kd import config as kd
from graphdistill.kd.methods import FAMILY as KD
from graphdistill.kd.nodes.teachers import fit_teacher
from graphdistill.mirage import config as mirage
from graphdistill.protect import config as protect
from graphdistill.protect.methods import FAMILY as PROTECT
from graphdistill.unlearn import config as unlearn
from graphdistill.unlearn.methods import FAMILY as UNLEARN
from graphdistill.vqgraph import config as vqgraph

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {path: path.read_text(encoding="utf-8") for path in PAGES}
COMMAND = (
    r"^(?:python -m (?:graphdistill\.)?|graphdistill )"
    r"(mirage|vqgraph|compress|condense|generate|kd|protect|unlearn|fed) (.*)$"
)
COMMANDS = sorted({found for text in TEXT.values() for found in re.findall(COMMAND, text, flags=re.MULTILINE)})
BLOCK = r"```python\n(.*?)```"
PYTHON = sorted({found for text in TEXT.values() for found in re.findall(BLOCK, text, flags=re.DOTALL)})


FAMILIES = {
    "compress": COMPRESS,
    "condense": CONDENSE,
    "fed": FED,
    "generate": GENERATE,
    "kd": KD,
    "protect": PROTECT,
    "unlearn": UNLEARN,
}
ROOMS = {
    "compress": compress,
    "condense": condense,
    "fed": fed,
    "kd": kd,
    "mirage": mirage,
    "generate": generate,
    "protect": protect,
    "unlearn": unlearn,
    "vqgraph": vqgraph,
}
STUDENT = ("card.json", "codes.safetensors", "student.safetensors")


@pytest.fixture
def short_teachers(monkeypatch):
    """How well teachers are trained is measured elsewhere."""
    monkeypatch.setattr(fit_teacher, "__defaults__", (vqgraph.TeacherConfig(epochs=20),))


@pytest.mark.usefixtures("short_teachers")
@pytest.mark.parametrize(
    ("word", "told", "left"),
    [
        ("import MirageConfig", ("graphs,", "Data("), {"pains-small/card.json", "pains-small/set.safetensors"}),
        ("distill_vqgraph", ("tensor(", "code "), {f"digits-student/{name}" for name in STUDENT}),
        (
            "distill_condense",
            ("10 images,", "bytes, validation accuracy"),
            {"digits-small/card.json", "digits-small/set.safetensors"},
        ),
        ("import distill_kd", ("class tensor(",), set()),
        ("import unlearn", ("class tensor(",), set()),
        ("load_compressed", ("coded", "class tensor("), {"small/card.json", "small/compressed.safetensors"}),
        (
            "import EntropicStudentConfig",
            ("bytes; class tensor(",),
            {f"{half}/{name}" for half in ("client", "server") for name in ("card.json", "student.safetensors")},
        ),
        ("verify_protection(", (" images, ", "1.0 0.01"), {"protected/card.json", "protected/set.safetensors"}),
        (
            "save_generator(made",
            ("10 images, 1 evaluation",),
            {"generator/card.json", "generator/generator.safetensors"},
        ),
        ("train_slider(teacher", ("numbers moved",), set()),
        ("losses.KD", ("torch.Size([4])",), set()),
        ("gather_segment", (), set()),
    ],
)
def test_the_python_of_the_readme_runs(word, told, left, tmp_path, monkeypatch, capsys):
    (source,) = [block for block in PYTHON if word in block]
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        exec(compile(source, word, "exec"), {"__name__": "readme"})
    out = capsys.readouterr().out
    assert all(words in out for words in told)
    for card in tmp_path.glob("*/card.json"):
        facts = json.loads(card.read_text(encoding="utf-8"))
        assert "payload_bytes" not in facts or f" {facts['payload_bytes']} bytes" in out
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")} == left


def test_the_readme_has_commands():
    assert len([1 for method, _ in COMMANDS if method == "mirage"]) >= 5
    assert len([1 for method, _ in COMMANDS if method == "vqgraph"]) >= 4
    assert len([1 for method, _ in COMMANDS if method == "condense"]) >= 4
    assert len([1 for method, _ in COMMANDS if method == "kd"]) >= 3
    assert len([1 for method, _ in COMMANDS if method == "fed"]) >= 1


@pytest.mark.parametrize(("method", "words"), COMMANDS)
def test_the_commands_of_the_readme_are_understood(method, words):
    seen, command, argv = [], ROOMS[method].Command, shlex.split(words)
    options = {"prog": method, "description": "Test.", "argv": argv, "family": FAMILIES.get(method)}
    assert cli.run(seen.append, command, **options) == 0
    if "list" in argv:
        return
    assert isinstance(seen[0], command)
    named = re.search(r"--dataset (\S+)", words)
    assert seen[0].dataset == (named[1] if named else command().dataset)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_linked_exist(path):
    prose = re.sub(r"^```.*?^```", "", TEXT[path], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", prose):
        assert (path.parent / target).is_file() or target == "methods.md", target
