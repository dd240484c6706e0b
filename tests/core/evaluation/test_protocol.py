from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.protocol import SELECTION_SEED, SetProtocol, real_set, valid_score
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.sets.symmetry import KEY
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.condense.graph_samples import chains
from tests.core.evaluation.samples import IMAGES, PROTOCOLS, X, Y, row_of, small
from tests.second_device import second_device


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> SetProtocol[Any]:
    return PROTOCOLS[request.param]


def test_training_learns(protocol: SetProtocol[Any]) -> None:
    longer = replace(protocol, fit=replace(protocol.fit, steps=60, eval_every=20))
    assert row_of(longer, longer.full()).mean > 0.9


def test_a_score_is_that_of_the_network_with_the_best_validation(protocol: SetProtocol[Any]) -> None:
    net, fitted = protocol.train(small(protocol), 0)
    assert protocol.score(net, "valid") == fitted.valid
    inputs, y = protocol.split("test")
    assert protocol.score(net, "test") == pytest.approx(float((net.eval()(inputs).argmax(dim=1) == y).double().mean()))
    assert row_of(protocol, small(protocol)).test[0] == protocol.score(net, "test")


def test_networks_that_choose_are_none_of_those_of_rows(
    protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    network = type(protocol).network

    def spy(self: Any, name: str, seed: int) -> Any:
        seeds.append(seed)
        return network(self, name, seed)

    monkeypatch.setattr(type(protocol), "network", spy)
    chosen_set = small(protocol)
    row_of(protocol, chosen_set)
    valid_score(protocol, chosen_set)
    assert seeds == [0, 1, SELECTION_SEED]


def test_the_network_is_by_its_seed(protocol: SetProtocol[Any]) -> None:
    before = torch.get_rng_state()
    one, other, third = (protocol.network(protocol.networks[0], seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["head.weight"], third["head.weight"])
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_learn_from_soft_labels_and_weights(protocol: SetProtocol[Any]) -> None:
    hard = small(protocol, 20)
    same = SyntheticSet(hard.data, torch.eye(2)[hard.y], hard.weight)
    others = SyntheticSet(hard.data, 1 - torch.eye(2)[hard.y], hard.weight)
    one_class = SyntheticSet(hard.data, hard.y, (hard.y == 0).float())
    row, again, wrong, single = (row_of(protocol, s) for s in (hard, same, others, one_class))
    assert row.test == pytest.approx(again.test)
    assert wrong.mean < 0.5 < row.mean
    assert single.mean == pytest.approx(float((protocol.labels("test") == 0).double().mean()), abs=0.2)


def test_augmentation_is_for_training_only() -> None:
    calls: list[int] = []

    def black(x: Tensor, generator: torch.Generator) -> Tensor:
        calls.append(len(x))
        return 0 * x

    blind = replace(PROTOCOLS["images"], augment=black)
    row_of(blind, real_set(X[:10], Y[:10]))
    assert set(calls) == {10}
    assert len(calls) == 40


def test_choosing_takes_half_the_steps(protocol: SetProtocol[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    train = type(protocol).train_all

    def spy(self: Any, part: Any, seed: int, config: FitConfig | None = None, networks: Any = None) -> Any:
        steps.append((config or self.fit).steps)
        return train(self, part, seed, config, networks)

    monkeypatch.setattr(type(protocol), "train_all", spy)
    valid_score(protocol, small(protocol))
    valid_score(replace(protocol, fit=replace(protocol.fit, steps=1)), small(protocol))
    row_of(protocol, small(protocol))
    assert steps == [10, 1, 20, 20]


def test_every_kind_says_what_it_is(protocol: SetProtocol[Any]) -> None:
    assert not inspect.isabstract(type(protocol))
    assert protocol.networks[0] in protocol.NETWORKS
    assert (protocol.metric, protocol.task, protocol.num_classes) == ("accuracy", "multiclass", 2)
    for name in ("train", "valid", "test"):
        inputs, y = protocol.split(name)
        assert len(inputs) == len(y) == len(protocol.flat(name))
        assert torch.equal(y, protocol.labels(name))


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"networks are \['GIN'\]; give one or more of ConvNet"):
        ImageProtocol(IMAGES, networks=("GIN",))
    with pytest.raises(ValueError, match=r"networks are \[\]; give one or more of GCN"):
        GraphSetProtocol(chains(), networks=())


def test_networks_are_on_the_device_with_the_weights_of_their_seed(protocol: SetProtocol[Any]) -> None:
    net = replace(protocol, device="meta").network(protocol.networks[0], 0)
    assert {p.device.type for p in net.parameters()} == {"meta"}


def test_scores_are_the_same_on_a_second_device(protocol: SetProtocol[Any]) -> None:
    sets = [small(protocol, 20)]
    here = baseline_rows(protocol, sets)
    with second_device() as device:
        there = baseline_rows(replace(protocol, device=device), sets)
    assert [row.test for row in there] == [row.test for row in here]


@pytest.mark.gpu
def test_a_training_on_a_gpu_is_scored_as_on_the_cpu(protocol: SetProtocol[Any]) -> None:
    (row,) = train_rows(replace(protocol, device="cuda"), "row", [small(protocol, 20)])
    assert row.mean == pytest.approx(row_of(protocol, small(protocol, 20)).mean, abs=0.2)


def test_the_content_of_a_set_is_all_that_a_training_depends_on(protocol: SetProtocol[Any]) -> None:
    one = small(protocol)
    assert protocol.content(one) == protocol.content(replace(one, meta={"seconds": 3.0}))
    assert protocol.content(one) != protocol.content(replace(one, y=1 - one.y))
    assert protocol.content(one) != protocol.content(replace(one, weight=2 * one.weight))
    if protocol.UNIT == "images":
        assert protocol.content(one) != protocol.content(replace(one, meta={KEY: "flip"}))
