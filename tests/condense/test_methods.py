"""The contract of all methods, and that each has a test of its own."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest
import torch

from graphdistill.condense.config import Command
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe
from graphdistill.condense.methods import FAMILY, mtt
from graphdistill.core.command import cli
from graphdistill.core.methods import MethodConfig
from tests.condense.quick import quick_config
from tests.condense.samples import context_of

HERE = Path(__file__).parent


def untested(names: list[str], folder: Path) -> list[str]:
    return [name for name in names if not (folder / f"test_{name.replace('-', '_')}.py").is_file()]


def test_every_method_has_a_test() -> None:
    assert untested(FAMILY.names(), HERE / "methods") == []


def test_a_method_without_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_k_center.py").touch()
    assert untested(["dm", "k-center"], tmp_path) == ["dm"]


@pytest.mark.parametrize("name", FAMILY.names())
def test_every_method_keeps_the_contract(name: str) -> None:
    module, (line, paper) = FAMILY.module(name), FAMILY.about(name)
    assert "_" not in name
    assert len(line) > 20
    assert line.endswith(".")
    # An equation, or for a method without one a reason.
    assert ".. math::" in module.__doc__ or len(module.__doc__.strip().splitlines()) > 2
    assert paper == module.PAPER
    assert "http" in paper or name in ("auto", "random")
    assert FAMILY.kinds(name) == module.FOR != ()
    assert set(module.FOR) <= {"images", "unlabelled images", "nodes", "graphs", "rows"}
    assert hasattr(module, "recipe") != hasattr(module, "select")


@pytest.mark.parametrize("name", FAMILY.names())
def test_every_config_is_frozen_and_explained_and_has_a_stand_in(name: str) -> None:
    config, stand_in = FAMILY.module(name).Config, FAMILY.config_type(name)
    assert issubclass(config, MethodConfig)
    assert config.__dataclass_params__.frozen
    own, others = dataclasses.fields(config), dataclasses.fields(stand_in)
    assert [(f.name, f.default) for f in own] == [(f.name, f.default) for f in others]
    assert stand_in.docs.keys() == {f.name for f in own}
    assert not {f.name for f in own} & {f.name for f in dataclasses.fields(Command)}
    assert config().name == stand_in().name == name
    assert FAMILY.config(stand_in()) == config()


WRONG = {int: -1, float: -1.0}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, f.name)
        for name in FAMILY.names()
        for f in dataclasses.fields(FAMILY.config_type(name))
        if name != "gcond" or f.name != "edge_logit"
    ],
)
def test_every_number_is_checked_by_its_option(name: str, field: str) -> None:
    kind = {f.name: f.type for f in dataclasses.fields(FAMILY.config_type(name))}[field]
    wrong = next((value for one, value in WRONG.items() if one in (kind, *typing.get_args(kind))), None)
    if wrong is None:
        return
    with pytest.raises(ValueError, match=rf"--{field.replace('_', '-')}\b.* must .*, got .*-1"):
        FAMILY.module(name).Config(**{field: wrong})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mtt", {"experts": 0}, "--experts must be 1 or more, got 0"),
        (
            "mtt",
            {"expert_epochs": 6, "max_start_epoch": 10},
            "--max-start-epoch must be from 0 to --expert-epochs less --span, 4, got 10",
        ),
        ("ftd", {"span": 13}, "--span must be at most --expert-epochs, 12, got 13"),
        ("datm", {"max_start_epoch": 11}, "--max-start-epoch must be from 0 to --expert-epochs less --span, 10, got"),
        (
            "sfgc",
            {"min_start_epoch": 21},
            "must be in order and from 0 to --expert-epochs less --span, 39, got 21 and 20",
        ),
        (
            "geom",
            {"first_max_start_epoch": 1},
            "--first-max-start-epoch must be from --min-start-epoch to --max-start-epoch, 2 to 20, got 1",
        ),
        ("gcond", {"edge_steps": 0, "feature_steps": 0}, "--edge-steps and --feature-steps must not both be 0"),
        ("hello", {"rank": 9, "features": 8}, "--rank 9 must be at most --features 8"),
        ("prune-combine", {"per_side": 9}, "--per-side must be from 1 to 8, got 9"),
        ("random-kd", {"alpha": 1.5}, "--alpha must be from 0 to 1, got 1.5"),
    ],
)
def test_values_that_cannot_be(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FAMILY.config_type(name)(**options)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("cda", "sre2l"),
        ("datm", "mtt"),
        ("dcc", "dc"),
        ("dsa", "dc"),
        ("ftd", "mtt"),
        ("fyi", "dm"),
        ("gcond", "gcondx"),
        ("geom", "sfgc"),
        ("prune-combine", "el2n"),
        ("smooth-experts", "mtt"),
        ("tesla", "mtt"),
    ],
)
def test_a_variant_has_all_options_of_its_base(name: str, base: str) -> None:
    config, above = FAMILY.module(name).Config, FAMILY.module(base).Config
    assert issubclass(config, above)
    own, theirs = ({f.name: f.default for f in dataclasses.fields(c)} for c in (config, above))
    assert {option: own[option] for option in theirs} == theirs
    assert not set(vars(config).get("__annotations__", {})) & set(theirs) - {"max_start_epoch"}


def test_help_shows_the_fields_of_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--method", "mtt", "--experts", "10", "--help"]
    assert cli.run(print, Command, prog="condense", description="", argv=argv, family=FAMILY) == 0
    printed = capsys.readouterr().out
    for f in dataclasses.fields(FAMILY.config_type("mtt")):
        assert f"--{f.name.replace('_', '-')} " in printed


def test_options_reach_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    found: list[Command] = []
    argv = ["--method", "mtt", "--experts", "10"]
    assert cli.run(found.append, Command, prog="condense", description="", argv=argv, family=FAMILY) == 0
    assert FAMILY.config(found[0].method) == mtt.Config(experts=10)


@pytest.mark.parametrize(
    ("name", "kind"),  # graphs have theirs in test_graph_runs.py
    [(name, kind) for name in FAMILY.names() for kind in FAMILY.kinds(name) if kind != "graphs"],
)
@pytest.mark.parametrize("per_class", [1, 3])
def test_every_method_gives_what_it_should(name: str, kind: Kind, per_class: int) -> None:
    module, context = FAMILY.module(name), context_of(per_class, kind=kind)
    if hasattr(module, "recipe"):
        assert isinstance(module.recipe(context, quick_config(name)), Recipe)
        return
    synthetic = module.select(context, quick_config(name))
    if synthetic.expansion is not None:
        assert len(next(iter(synthetic.expansion.arrays().values()))) == 3 * per_class
        return
    label = synthetic.y if synthetic.y.dim() == 1 else synthetic.y.argmax(dim=1)
    assert torch.bincount(label[synthetic.labelled]).tolist() == [per_class] * 3


def test_a_method_for_other_data_is_refused() -> None:
    with pytest.raises(
        ValueError, match="--method gcdm is for nodes, but the data set holds images; for images choose"
    ):
        FAMILY.check("gcdm", "images")


def test_a_misspelt_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"--method 'hreding' is unknown. Did you mean herding\? Choices: auto, "):
        FAMILY.check("hreding")
