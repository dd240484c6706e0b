import re

import pytest

from fed.config import FedConfig
from fed.methods import fedmirage, fedprox, moon


def test_the_run_config_says_all_of_it():
    config = FedConfig(method=fedprox.Config(mu=0.5), clients=4, dirichlet_alpha=0.1, per_class=2, root="here", seed=3)
    assert FedConfig.of(config.run_config()) == config
    assert FedConfig.of(config.run_config()).options == {"mu": 0.5}
    assert (config.run_config()["method"], config.run_config()["options"]) == ("fedprox", '{"mu": 0.5}')
    assert FedConfig(method="fedprox").run_config()["options"] == "{}"


def test_the_record_has_the_method_by_name_and_all_of_its_options():
    record = FedConfig(method="moon").record()
    assert (record["method"], record["options"]) == ("moon", {"mu": 1.0, "temperature": 0.5})
    assert FedConfig(method=moon.Config(mu=5.0)).settings()["options"]["mu"] == 5.0


@pytest.mark.parametrize(
    ("method", "options", "error"),
    [
        ("fedlgd", "{", "options are no JSON"),
        ("fedlgd", "[" * 100_000, "options are no JSON"),
        ("fedlgd", "[1]", "options are list, wanted a JSON object"),
        ("fedlgd", '{"contrst": 0}', "--method fedlgd has no option 'contrst'; it has contrast, temperature, "),
        ("fedavg", '{"mu": 0}', "--method fedavg has no option 'mu'; it has no options"),
        ("fedlgd", '{"contrast": "0"}', "option contrast of --method fedlgd takes float, got '0'"),
        ("fedlgd", '{"contrast": true}', "option contrast of --method fedlgd takes float, got True"),
        ("fedlgd", '{"contrast": NaN}', "--contrast must be 0 or more, got nan"),
        ("fedlgd", '{"anchors": 1.5}', "option anchors of --method fedlgd takes int, got 1.5"),
        ("fedlgd", f'{{"contrast": {10**400}}}', "option contrast of --method fedlgd takes float, got 1000"),
        ("fedmirage", '{"trainer": "nobody"}', "--trainer 'nobody' is unknown; choose from server, clients"),
    ],
)
def test_options_of_a_run_config_are_checked(method, options, error):
    with pytest.raises(ValueError, match=re.escape(error)):
        FedConfig.of({"method": method, "options": options})


@pytest.mark.parametrize(
    ("method", "train_on", "data"),
    [
        ("fedavg", "auto", "real"),
        ("fedavg", "subset", "subset"),
        ("fedavg", "generated", "generated"),
        ("fedlgd", "auto", "virtual"),
        ("fedmirage", "virtual", "virtual"),
    ],
)
def test_what_is_trained_on(method, train_on, data):
    assert FedConfig(method=method, train_on=train_on).training_data == data


def test_the_server_trains_with_fedmirage_unless_clients_do():
    assert FedConfig(method="fedmirage").at_server
    assert not FedConfig(method=fedmirage.Config(trainer="clients")).at_server
    assert not FedConfig(method="fedavg").at_server
    assert FedConfig(method="fedavg", train_on="generated").at_server


def test_what_is_not_named_has_its_default():
    assert FedConfig.of({}) == FedConfig()
    assert FedConfig.of({"dirichlet-alpha": 2, "unknown": 1}).dirichlet_alpha == 2.0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "fedmagic"}, "--method 'fedmagic' is unknown. .*Choices: fedavg, "),
        ({"train_on": "subset"}, "--method fedlgd cannot --train-on subset; choose from auto, virtual"),
        ({"method": "fedavg", "train_on": "x"}, "cannot --train-on x; choose from auto, real, subset, virtual"),
        ({"partition": "x"}, "--partition 'x' is unknown"),
        ({"weights": "x"}, "--weights 'x' is unknown; choose from uniform, size"),
        ({"lr": -1.0}, "--lr must be 0 or more, got -1.0"),
        ({"participation": 1.5}, "--participation must be above 0 and at most 1, got 1.5"),
        ({"dp_noise": 1.0}, "--dp-noise 1.0 and --dp-clip 0.0 must be given together"),
        ({"dp_noise": 1.0, "dp_clip": 1.0, "weights": "size"}, "give --weights uniform"),
        ({"resume": True}, "--resume needs the --output folder"),
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"clients": 0}, "--clients must be"),
        ({"rounds": 0}, "--rounds must be"),
        ({"dirichlet_alpha": 0.0}, "--dirichlet-alpha must be above 0"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"support": 1.0}, "--support must be above 0 and below 1, got 1.0"),
        ({"min_clients": 4}, "--min-clients must be from 1 to --clients 3, got 4"),
        ({"train_on": "generated"}, "--method fedlgd cannot --train-on generated; choose from auto, virtual"),
        (
            {"method": "fedavg", "train_on": "generated", "participation": 0.5},
            "--participation 0.5 is for rounds in which clients train; with --train-on generated they do not: leave it",
        ),
        (
            {"method": "fedavg", "train_on": "generated", "dp_noise": 1.0, "dp_clip": 1.0},
            "--dp-noise 1.0 is for rounds in which clients train",
        ),
        ({"diffusion_steps": 0}, "--diffusion-steps must be 1 or more, got 0"),
        ({"generator_steps": 0}, "--generator-steps must be 1 or more, got 0"),
        ({"generator_width": 0}, "--generator-width must be 1 or more, got 0"),
        ({"drawn_per_class": 0}, "--drawn-per-class must be 1 or more, got 0"),
        ({"support_epsilon": -1.0}, "--support-epsilon must be 0 or more, got -1.0"),
    ],
)
def test_what_cannot_be_is_refused(options, error):
    with pytest.raises(ValueError, match=error):
        FedConfig(**options)


def test_the_folder_of_results_is_expanded_and_that_of_data_left_to_clients(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    config = FedConfig.of({"output": "~/runs", "root": "~/data"})
    assert (config.output, config.root) == ("/home/someone/runs", "~/data")
    assert FedConfig.of({}).output == ""
