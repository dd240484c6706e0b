"""The contract of the methods."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import torch

from fed.__main__ import Command
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import FAMILY, TrainOn, start_options, train_on
from fed.methods._method import Algorithm, lr_of, method_of
from graphdistill.core.methods import MethodConfig
from tests.fed.samples import FACTS

NAMES = FAMILY.names()
OPTIONS = [(name, f) for name in NAMES for f in fields(FAMILY.config_type(name))]


def test_the_methods():
    assert NAMES == ["fedavg", "fedbn", "fedlgd", "fedmirage", "fedprox", "fedtrees", "moon", "scaffold", "vhl"]


@pytest.mark.parametrize("name", NAMES)
def test_every_method_has_the_parts_of_one(name):
    module = FAMILY.module(name)
    assert module.__doc__
    line, paper = FAMILY.about(name)
    assert len(line) > 20
    assert line.endswith(".")
    assert "https://" in paper
    assert set(FAMILY.kinds(name)) <= {"images", "molecules"}
    assert set(train_on(name)) <= set(get_args(TrainOn))
    assert module.LR > 0
    assert issubclass(module.Config, MethodConfig)
    assert issubclass(module.Method, Algorithm)
    assert (Path(__file__).parent / f"test_{name}.py").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_made_from_its_config_by_name_and_in_python(name):
    own = FAMILY.module(name).Config()
    by_name, by_config = FedConfig(method=name), FedConfig(method=own)
    assert by_name == by_config
    assert hash(by_name) == hash(by_config)
    assert method_of(by_config).options == own
    assert lr_of(by_name) == FAMILY.module(name).LR


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name} {f.name}" for name, f in OPTIONS])
def test_every_option_has_a_default_a_docstring_and_a_name_of_its_own(name, option):
    assert option.default is not MISSING
    assert option.type in (int, float) or get_origin(option.type) is Literal
    assert option.type is type(option.default) or option.default in get_args(option.type)
    assert len(FAMILY.config_type(name).docs[option.name]) > 20
    assert option.name not in {f.name for f in fields(Command)}


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name} {f.name}" for name, f in OPTIONS])
def test_every_option_is_checked(name, option):
    made = FAMILY.config_type(name)
    wrong = "x" if isinstance(option.default, str) else -1
    with pytest.raises(ValueError, match=f"--{option.name.replace('_', '-')} "):
        made(**{option.name: wrong})


def test_options_that_first_tensors_depend_on_exist():
    for name in NAMES:
        assert set(start_options(name) or ()) <= {f.name for f in fields(FAMILY.config_type(name))}
    assert FedConfig(method="fedlgd").start_options == {
        "method": "fedlgd",
        "teacher_steps": 1000,
        "group_size": 5,
    }


def test_what_a_method_does_by_default():
    method, net = method_of(FedConfig(method="fedavg")), network(FACTS, 0)
    broadcast = {"x": torch.ones(1)}
    assert method.personalise(net, {}, 3) is net
    assert method.extra_arrays(net) == method.first_broadcast(FedConfig(), FACTS, None) == {}
    assert method.next_broadcast(1, net, net, broadcast, 0.1) is broadcast
