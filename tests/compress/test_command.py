import hashlib
import json

import pytest

from graphdistill.compress import command, load_compressed
from graphdistill.compress.config import Command
from graphdistill.compress.methods import FAMILY
from graphdistill.compress.split import sent_bytes, split_network
from graphdistill.compress.storage import FILE
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from graphdistill.kd.storage import save_network
from tests.commands import runner
from tests.kd.samples import images

SHORT = ("--steps", 4, "--jobs", 1)


run = runner(command.main, Command, "compress", FAMILY)


@pytest.fixture(autouse=True)
def a_few_images(monkeypatch):
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: images())
    monkeypatch.setenv("COLUMNS", "80")


def test_the_journey_from_data_to_a_small_file_and_back(tmp_path, capsys):
    out = tmp_path / "out"
    assert run("--output", out, "--bits", 2, "--seeds", 2, "--labels", 3, "--network", "MLP", *SHORT) == 0
    printed = capsys.readouterr().out
    assert "quantized on rows: MLP in" in printed
    assert max(map(len, printed.splitlines())) <= 80
    for row in ("float network", "rounding", "labels alone", "quantized", "with 3 labelled"):
        assert row in printed
    assert {path.name for path in out.iterdir()} == {
        *(FILE, "card.json", "report.html", "results.json", "results.csv", "figure.png")
    }
    facts = json.loads((out / "results.json").read_text(encoding="utf-8"))["facts"]
    assert set(facts["paired"]) == {"float network", "rounding", "labels alone"}
    assert facts["command"]["options"]["bits"] == 2
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    data = (out / FILE).read_bytes()
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert len(data) == card["facts"]["coded_bytes"] < facts["float_bytes"] / 8
    view = view_of(images())
    small = load_compressed(build(view, card["facts"]["network"], "network", 5), out)
    assert view.score(small.network, "valid") == card["facts"]["valid"]


def test_a_sparse_network_goes_the_same_way(tmp_path, capsys):
    out = tmp_path / "out"
    words = ("--method", "sparse-2-4", "--sparsity", "2:4", "--slorb", 4, "--seeds", 1, "--network", "MLP")
    assert run("--output", out, *words, *SHORT) == 0
    printed = capsys.readouterr().out
    for row in ("float network", "one-shot pruning", "labels alone", "sparse-2-4"):
        assert row in printed
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    view = view_of(images())
    small = load_compressed(build(view, card["facts"]["network"], "network", 5), out)
    assert view.score(small.network, "valid") == card["facts"]["valid"]
    assert all(bool((part.mask.view(-1, 4).sum(dim=1) == 2).all()) for part in small.parts.values())


def test_rows_of_adaptive_width_have_their_multiply_adds(tmp_path, capsys):
    words = ("--method", "adaptive-width", "--budget", 0.5, "--seeds", 2, "--network", "ViT-32")
    phases = ("--learner-steps", 2, "--gate-steps", 2)
    assert run("--output", tmp_path / "out", *words, *phases, *SHORT) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for word in ("fixed truncation", "multiply", "Rows of blocks.0.mlp on test by number of learners"):
        assert word in printed
    row = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["rows"][-1]
    assert len(row["others"]["multiply-adds"]) == 2


def test_a_saved_student_is_compressed(tmp_path, capsys):
    view = view_of(images())
    save_network(build(view, "ConvNet-8", "student", 0), tmp_path, card={"dataset": "rows", "student": "ConvNet-8"})
    words = ("--model", tmp_path, "--trained", "nothing", "--seeds", 1)
    assert run("--output", tmp_path / "out", *words, *SHORT) == 0
    assert "quantized on rows: ConvNet-8 in" in capsys.readouterr().out


def test_onnx_files_are_written_with_their_latency(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    words = ("--network", "MLP", "--trained", "nothing", "--seeds", 1, "--onnx")
    assert run("--output", tmp_path, *words, *SHORT) == 0
    printed = capsys.readouterr().out
    for row in ("ONNX, float network:", "ONNX, quantized:", "ONNX, quantized, int8:"):
        assert row in printed
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"float.onnx", "compressed.onnx", "compressed-int8.onnx"}
    facts = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["facts"]["onnx"]
    assert facts["quantized, int8"]["path"] == "compressed-int8.onnx"
    assert facts["quantized"]["milliseconds"]["64, p99"] >= facts["quantized"]["milliseconds"]["64, p50"] > 0


def test_a_split_network_shows_the_bytes_that_an_entry_sends(tmp_path, capsys):
    out, words = tmp_path / "out", ("--method", "entropic-student", "--network", "ConvNet-8", "--seeds", 1)
    assert run("--output", out, *words, *SHORT) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for row in ("uniform, 2 bits", "beta 0.0625", "beta 1", "entropic-student", "Bytes sent: coded features"):
        assert row in printed
    rows = {row["name"]: row for row in json.loads((out / "results.json").read_text(encoding="utf-8"))["rows"]}
    assert "bytes sent" not in rows["float network"]["others"]
    sent = rows["entropic-student"]["others"]["bytes sent"][0]
    assert f"entropic-student on rows: ConvNet-8, {sent:.1f} bytes sent" in printed
    view = view_of(images())
    fresh = split_network(build(view, "ConvNet-8", "network", 5), images().images[:2])
    assert sent_bytes(view, load_compressed(fresh, out).network) == sent
    assert (out / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--network", "GIN"], "--network 'GIN' is unknown for images; choose from"),
        (["--model", "nowhere"], "card.json is missing; give the folder that save_network wrote"),
        (["--bits", "0"], "--bits must be 1 to 8, got 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("--output", tmp_path / "out", *words) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
