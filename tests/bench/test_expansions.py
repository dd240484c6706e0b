from dataclasses import replace

import pytest
import rich.console
import torch

from graphdistill.bench import condense, expansions
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.methods import infer, random, random_kd
from tests.condense import samples
from tests.condense.quick import FIT, quick, quick_config


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Images of bars and few steps; what methods reach is measured elsewhere."""
    honest = expansions.protocol_of

    def few(data, config, **more):
        method = config.method if not isinstance(config.method, str) else quick_config(config.method)
        return distill_condense(data, CondenseConfig(method=method, per_class=config.per_class, bits="full"), **more)

    monkeypatch.setattr(expansions, "load", lambda name, root: samples.data("nodes" if name == "pairs" else "images"))
    monkeypatch.setattr(expansions, "protocol_of", lambda data, **more: replace(honest(data, **more), fit=FIT))
    monkeypatch.setattr(expansions, "distill_condense", few)
    monkeypatch.setattr(expansions, "console", rich.console.Console(width=200))


def test_every_row_is_printed_with_its_bytes_and_nodes_have_none(capsys):
    condense.main(
        condense.Bench(parts=("expansions",), datasets=("bars", "pairs"), per_class=(2,), seeds=2, trainings=1)
    )
    printed = capsys.readouterr().out
    cells = {}
    for line in printed.splitlines():
        if line.startswith("│"):
            name, *rest = (cell.strip() for cell in line.strip("│").split("│"))
            cells[name] = rest
    assert list(cells) == [
        "random",
        "random-kd",
        "prune-combine",
        "random images in the bytes of prune-combine",
        "reinforcement, 20 views",
        "reinforcement, 50 views",
        "hello",
        "infer",
        "random images in the bytes of infer",
        "... with soft labels",
        "infer without learnt compensators",
    ]
    entries = {name: int(rest[4].replace(",", "")) for name, rest in cells.items()}
    assert (entries["prune-combine"], entries["reinforcement, 50 views"], entries["infer"]) == (24, 300, 60)
    assert "pairs" not in printed
    for name in ("random", "random-kd"):
        extra, whole = (int(cells[name][column].replace(",", "")) for column in (3, 2))
        assert 0 < extra < whole


def test_baselines_fit_the_bytes_and_have_the_labels_of_random_kd():
    protocol = replace(quick().protocol, trainings=1)
    make = expansions.makers(protocol, 3, ("infer",))["infer"]
    for within in (expansions.hard_within, expansions.soft_within):
        found = within(protocol, make, 0)
        assert found.nbytes <= make(0).nbytes
        assert len(found) >= 9
    labels = {tuple(x.flatten().tolist()): y for x, y in zip(found.data, found.y, strict=True)}
    everything = random_kd.select(expansions.context_of(protocol, 0, 12), random_kd.Config(alpha=1 - len(found) / 36))
    same = [
        (labels[key], y)
        for x, y in zip(everything.data, everything.y, strict=True)
        if (key := tuple(x.flatten().tolist())) in labels
    ]
    assert len(same) == len(found)
    assert all(torch.equal(a, b) for a, b in same)


def test_a_row_is_the_set_of_the_command():
    """The context of the baselines is that of the sets of the same seed."""
    protocol = quick().protocol
    draws = expansions.generator(1, "condense")
    config = CondenseConfig(method="random", per_class=2, bits="full")
    wanted = distill_condense(protocol.data, config, generator=draws, protocol=protocol)
    assert torch.equal(random.select(expansions.context_of(protocol, 1, 2), random.Config()).data, wanted.data)


def test_without_steps_compensators_are_nothing():
    synthetic = infer.select(quick(), infer.Config(compensator_steps=0))
    assert not synthetic.expansion.compensator.any()
