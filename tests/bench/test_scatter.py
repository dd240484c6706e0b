import re

import pytest
import torch

from graphdistill.bench import scatter

PARTS = {
    "segments": ["segment_sum", "segment_mean", "segment_max", "scatter_reduce", "index_add", "PyG segment"],
    "gather": [
        "gather_segment",
        "Segments.sum (order prepared)",
        "gather, multiply, index_add",
        "torch.compile of it",
        "sparse CSR matmul",
    ],
    "moments": ["class_moments", "index_add"],
    "codes": ["nearest_code", "torch.cdist, argmin", "codebook_stats"],
}


@pytest.mark.parametrize("part", PARTS)
def test_every_contender_has_its_time_and_ratio(part, capsys, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    threads = torch.get_num_threads()
    scatter.main(scatter.Bench(parts=(part,), scale=0.002, rounds=1))
    printed = capsys.readouterr().out
    for name in PARTS[part]:
        assert re.search(rf"│ {re.escape(name)} +│ \d+\.\d +│ \d+\.\d\dx +│", printed), name
    assert ("MB above inputs and outputs" in printed) == (part == "codes")
    assert torch.get_num_threads() == threads


def test_the_first_contender_is_the_measure(capsys):
    scatter.compare("race", {"first": lambda: None, "second": lambda: torch.randn(300, 300)}, scatter.Bench(rounds=2))
    first, second = re.findall(r"(\d+\.\d\d)x", capsys.readouterr().out)
    assert first == "1.00"
    assert float(second) > 1


@pytest.mark.gpu
@pytest.mark.parametrize("part", PARTS)
def test_every_part_runs_on_a_gpu(part, capsys, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    scatter.main(scatter.Bench(parts=(part,), scale=0.01, rounds=1, device="cuda"))
    printed = capsys.readouterr().out
    assert "cuda (" in printed.replace("\n", "")
    for name in PARTS[part]:
        assert name in printed
