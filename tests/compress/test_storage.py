import json

import pytest
import torch
from torch import nn

from graphdistill.compress import load_compressed, save_compressed
from graphdistill.compress.methods.quantized import rounded
from graphdistill.compress.methods.sparse_2_4 import pruned
from graphdistill.compress.size import coded_bytes
from graphdistill.compress.storage import FILE
from tests.compress.samples import trained
from tests.kd.samples import mlp


def test_a_saved_network_has_exactly_the_same_outputs_and_the_file_its_bytes(tmp_path):
    view, network = trained()
    small = rounded(network, bits=2)
    save_compressed(small, tmp_path, card={"dataset": "rows"})
    again = load_compressed(mlp(5, 64, 3), tmp_path)
    assert torch.equal(view.logits(again.network, "test"), view.logits(small.network, "test"))
    assert (tmp_path / FILE).stat().st_size == coded_bytes(small.network, small.parts)
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))["facts"] == {"dataset": "rows"}
    # It can be saved again, to the same bytes.
    save_compressed(again, tmp_path / "again")
    assert (tmp_path / "again" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def test_a_sparse_network_has_exactly_the_same_outputs(tmp_path):
    view, network = trained()
    small = pruned(network)
    save_compressed(small, tmp_path)
    again = load_compressed(mlp(5, 64, 3), tmp_path)
    assert torch.equal(view.logits(again.network, "test"), view.logits(small.network, "test"))
    assert (tmp_path / FILE).stat().st_size == coded_bytes(small.network, small.parts)
    save_compressed(again, tmp_path / "again")
    assert (tmp_path / "again" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def test_another_network_and_damaged_files_are_refused(tmp_path):
    save_compressed(rounded(trained()[1], bits=2), tmp_path)
    with pytest.raises(
        ValueError, match=r"does not fit this Sequential \(its card: Sequential\): it holds the weights"
    ):
        load_compressed(mlp(0, 128, 3), tmp_path)
    with pytest.raises(ValueError, match="is damaged: it holds no 'state"):
        load_compressed(nn.Linear(3, 2).double(), tmp_path)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[-1] ^= 1
    (tmp_path / FILE).write_bytes(bytes(data))
    with pytest.raises(ValueError, match="does not match its card"):
        load_compressed(mlp(0, 64, 3), tmp_path)
    with pytest.raises(FileNotFoundError, match="give the folder that save_compressed wrote"):
        load_compressed(mlp(0, 64, 3), tmp_path / "nowhere")
