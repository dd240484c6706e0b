"""Federated learning on virtual data, in a few lines: ``python examples/fed_quickstart.py [FOLDER]``.

Three clients hold scikit-learn's digits. The same apps run with ``flwr run .`` on a SuperLink, and on separate machines
as in ``examples/federation``.
"""

import logging
import sys
import tempfile
from pathlib import Path

import torch

from fed.client_app import app as client
from fed.config import FedConfig
from fed.data.client_data import network
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.core.sets.safetensors_card import read_with_card

# Flower logs every step; the federation's own lines are enough.
logging.getLogger("flwr").setLevel(logging.ERROR)
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
data = {"dataset": "digits", "partition": "dirichlet", "dirichlet_alpha": 1.0}
config = FedConfig(**data, method="fedlgd", clients=3, rounds=6, output=str(folder))
run_in_process(server, client, config.run_config(), config.clients)

# The results are a report, figures and a model; the digits never left the clients.
tensors, card = read_with_card(folder / "model.safetensors")
facts = {"channels": 1, "height": 8, "width": 8, "classes": 10}
net = network(facts, 0)
net.load_state_dict(tensors)
print(f"a model of {card['rounds']} rounds:", net(torch.rand(1, 1, 8, 8)).softmax(dim=1).shape)
print("written to", folder, sorted(path.name for path in folder.iterdir() if path.is_file()))
