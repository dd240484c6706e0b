"""What the cards of all methods say: every number was measured, every command exists."""

import re
import shlex
from pathlib import Path

import pytest

from fed.methods import FAMILY as FED
from graphdistill.bench.__main__ import BENCHES
from graphdistill.compress.methods import FAMILY as COMPRESS
from graphdistill.condense.config import Command
from graphdistill.condense.methods import FAMILY as CONDENSE
from graphdistill.core.command import cli
from graphdistill.core.methods import result
from graphdistill.generate.methods import FAMILY as GENERATE
from graphdistill.kd.methods import FAMILY as KD
from graphdistill.protect.methods import FAMILY as PROTECT
from graphdistill.unlearn.methods import FAMILY as UNLEARN

ROOT = Path(__file__).parents[1]
PAGES = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "benchmarks").glob("*.md")))
RESULTS = {
    **{
        (family.package.split(".")[-2], name): family.result(name)
        for family in (COMPRESS, CONDENSE, FED, GENERATE, KD, PROTECT, UNLEARN)
        for name in family.names()
    },
    **{(name, name): result(ROOT / "graphdistill" / name / "__init__.py") for name in ("mirage", "vqgraph")},
}


@pytest.mark.parametrize(("family", "name"), RESULTS, ids=lambda value: value)
def test_every_number_of_ours_is_in_the_benchmarks(family, name):
    found = RESULTS[family, name]
    assert min(map(len, (found.paper, found.ours, found.differs))) > 7
    assert found.differs.endswith(".")
    # Whatever has its limits names another method, or data that need none.
    assert not found.instead or found.instead.endswith(".")
    measured = re.findall(r"\d+\.\d+", found.ours + found.instead)
    assert measured or found.ours == "not measured"
    assert [number for number in measured if number not in PAGES] == []


@pytest.mark.parametrize(("family", "name"), RESULTS, ids=lambda value: value)
def test_the_command_that_measures_exists_and_names_the_method(family, name):
    python, m, module, *words = shlex.split(RESULTS[family, name].command)
    assert (python, m) == ("python", "-m")
    found = []
    if module == "graphdistill.bench":
        bench, *words = words
        # GLNN and what comes from it are measured with VQGraph; compression and unlearning are parts of that of kd.
        assert bench == family or (family, bench) in (("kd", "vqgraph"), ("compress", "kd"), ("unlearn", "kd"))
        assert cli.run(found.append, BENCHES[bench], prog=bench, description="", argv=words) == 0
        # The parts of the bench of knowledge distillation are claims, of which several compare methods.
        known = (*getattr(found[0], "methods", ()), family)
        assert (
            name in known
            or family in ("compress", "kd", "protect", "unlearn")
            or found[0].parts in (("molecules",), ("trees",))
        )
    else:
        assert (module, family) == ("graphdistill.condense", "condense")
        assert cli.run(found.append, Command, prog=module, description="", argv=words, family=CONDENSE) == 0
        assert found[0].method.name == name


@pytest.mark.parametrize(("family", "name"), RESULTS, ids=lambda value: value)
def test_the_module_has_what_its_source_says(family, name):
    package = {
        "compress": COMPRESS,
        "condense": CONDENSE,
        "fed": FED,
        "generate": GENERATE,
        "kd": KD,
        "protect": PROTECT,
        "unlearn": UNLEARN,
    }.get(family)
    if package is not None:
        assert package.module(name).RESULT == RESULTS[family, name]
