import pytest

from fed.config import FedConfig


def test_the_run_config_says_all_of_it():
    config = FedConfig(method="fedprox", clients=4, alpha=0.1, per_class=2, root="here", seed=3)
    assert FedConfig.of(config.run_config()) == config


def test_what_is_not_named_has_its_default():
    assert FedConfig.of({}) == FedConfig()
    assert FedConfig.of({"alpha": 2, "unknown": 1}).alpha == 2.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "fedmagic"}, "--method 'fedmagic' is unknown; choose from fedavg, "),
        ({"partition": "x"}, "--partition 'x' is unknown"),
        ({"weights": "x"}, "--weights 'x' is unknown; choose from uniform, size"),
        ({"rate": -1.0}, "--rate must be 0 or more, got -1.0"),
        ({"participation": 1.5}, "--participation must be above 0 and at most 1, got 1.5"),
        ({"dp_noise": 1.0}, "--dp-noise 1.0 and --dp-clip 0.0 belong together"),
        ({"dp_noise": 1.0, "dp_clip": 1.0, "weights": "size"}, "give --weights uniform"),
        ({"resume": True}, "--resume needs the --output folder"),
        ({"per_class": 0}, "--per-class must be 1 or more, got 0"),
        ({"clients": 0}, "--clients must be"),
        ({"rounds": 0}, "--rounds must be"),
        ({"alpha": 0.0}, "--alpha must be above 0"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"support": 1.0}, "--support must be above 0 and below 1, got 1.0"),
        ({"min_clients": 4}, "--min-clients must be from 1 to --clients 3, got 4"),
        ({"support_epsilon": -1.0}, "--support-epsilon must be 0 or more, got -1.0"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        FedConfig(**options)


def test_the_folder_of_results_is_expanded_and_that_of_data_left_to_clients(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    config = FedConfig.of({"output": "~/runs", "root": "~/data"})
    assert (config.output, config.root) == ("/home/someone/runs", "~/data")
    assert FedConfig.of({}).output == ""
