import json

import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord, RecordDict

from fed.config import FedConfig
from fed.report import keep, kept, report_of


def test_clients_are_columns_and_bytes_are_told():
    seconds = {"local training": 1.0, "virtual data of clients": 2.0, "virtual data of the server": 3.0}
    told = {"test": {"0": 0.5, "1": 1.0}, "valid": 0.7, "chosen round": 2, "refused": ["node 3 failed: why"]}
    told |= {"bytes up": 1234, "bytes down": 5678, "seconds by phase": seconds}
    state = RecordDict({"outcome": ConfigRecord({"json": json.dumps(told)})})
    report = report_of(FedConfig(method="fedavg-virtual"), ["a", "b"], state)
    assert [(row.network, row.mean, row.distill_seconds) for row in report.rows] == [("a", 0.5, 5.0), ("b", 1.0, 5.0)]
    notes = " ".join(report.notes)
    for words in ("1,234 up, 5,678 down", "round 2", "node 3 failed: why", "no guarantee of privacy"):
        assert words in notes


@pytest.mark.parametrize("images", [True, False])
def test_another_process_reads_what_the_server_kept(images, tmp_path):
    state = RecordDict({"outcome": ConfigRecord({"json": '{"valid": 0.5}'})})
    if images:
        state["global"] = ArrayRecord({"x": torch.rand(4, 1, 2, 2), "y": torch.arange(4)})
    keep(state, tmp_path / "out")
    read = kept(tmp_path / "out")
    assert read.config_records["outcome"] == state.config_records["outcome"]
    assert ("global" in read) == images
    if images:
        pairs = [record.array_records["global"].to_torch_state_dict() for record in (state, read)]
        assert all(torch.equal(pairs[0][name], pairs[1][name]) for name in ("x", "y"))
