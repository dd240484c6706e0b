import json

import pytest
import torch

from fed import client_app
from fed.client.store import shared_key
from fed.config import FedConfig
from fed.methods import fedtrees
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from fed.trees.client import readable
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.sets.safetensors_card import read_with_card
from graphdistill.core.training.metrics import score
from tests.fed.samples import federation, molecular, part


def run(config):
    return run_in_process(server, client_app.app, config.run_config(), config.clients)


def test_a_run_leaves_a_report_and_a_model_that_holders_of_the_key_can_use(monkeypatch, tmp_path):
    config, held = molecular(
        monkeypatch, method=fedtrees.Config(strength=0.03), rounds=20, output=str(tmp_path / "out")
    )
    found = json.loads(run(config).config_records["outcome"]["json"])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "results.json", "results.csv", "rounds.png", "clients.png", "model.safetensors"} <= names
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {row["name"] for row in written["rows"]} == {"fedtrees, strength 0.03", "number of nodes"}
    notes = " ".join(written["notes"])
    assert f"{found['trees']['vocabulary']} trees; C " in notes
    assert f"Seed 0, {len(found['history'])} rounds. " in notes
    assert "no privacy is claimed" in notes
    net = TreeCountNet.from_tensors(read_with_card(tmp_path / "out" / "model.safetensors")[0])
    for client, value in found["test"].items():
        forest, y, _ = held[int(client)].test
        assert score(readable(net, forest, shared_key())(forest).detach(), y, "rocauc") == pytest.approx(value)


@pytest.mark.bits
def test_the_same_seed_gives_the_same(monkeypatch):
    config, _ = molecular(monkeypatch, method=fedtrees.Config(strength=0.03), rounds=20)
    first, second = (run(config).array_records["model"].to_torch_state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dp_noise": 1.0, "dp_clip": 1.0}, "--dp-noise 1.0 does not apply to --method fedtrees, which adds no noise"),
        ({"rounds": 3}, "--rounds 3 does not apply to --method fedtrees, .*; --max-rounds limits it: leave it out"),
        (
            {"participation": 0.5},
            "--participation 0.5 does not apply to --method fedtrees, which needs the sums",
        ),
        ({"support_epsilon": 1.0}, "--support-epsilon 1.0 does not apply"),
        ({"weights": "size"}, "--weights size does not apply to --method fedtrees, in which all graphs count alike"),
        ({"lr": 0.1}, "--lr 0.1 does not apply to --method fedtrees, whose steps are those of L-BFGS"),
        ({"resume": True, "output": "out"}, "--resume True does not apply"),
        ({"train_on": "virtual"}, "--method fedtrees cannot --train-on virtual; choose from auto, real"),
    ],
)
def test_options_that_do_not_apply_are_refused(options, error):
    with pytest.raises(ValueError, match=error):
        FedConfig(method="fedtrees", **options)


def test_images_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"fedtrees is for molecules, .* for images choose from fedavg, .*fedlgd"):
        run(federation(monkeypatch, [part(0)], method="fedtrees", rounds=20))


def test_clients_have_no_rounds_of_their_own():
    with pytest.raises(ValueError, match="has no local training; give another --method"):
        fedtrees.Method(fedtrees.Config()).fit(None)
