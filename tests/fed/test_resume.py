import os
import signal
import subprocess
import sys
import time

import pytest

from fed import __main__ as command
from fed import client_app
from fed.client.store import HOME
from fed.config import FedConfig
from fed.methods import FAMILY
from fed.runtime.in_process import run_in_process
from fed.server.state import FILE
from fed.server_app import app as server
from graphdistill.core.command import cli
from graphdistill.core.sets.safetensors_card import read_with_card
from tests.fed.data.test_images import images
from tests.fed.samples import QUICK, quick

# After a round there is a while in which the process can be killed.
SCRIPT = """
import sys, time
from fed import __main__ as command
from fed.methods import FAMILY
from fed.server.state import ServerState
from graphdistill.core.command import cli
write = ServerState.write
def slow(self, *args):
    write(self, *args)
    if self.rounds == {wait_after}:
        time.sleep(60)
ServerState.write = slow
sys.exit(cli.run(command.main, command.Command, prog="fed", description="", argv=sys.argv[1:], family=FAMILY))
"""
WORDS = [
    "--dataset",
    "digits",
    "--partition",
    "iid",
    "--method",
    "fedlgd",
    "--clients",
    "2",
    "--per-class",
    "1",
    "--passes",
    "1",
    "--batch-size",
    "256",
    *QUICK,
]


def start(folder, *more, wait_after=None):
    command = [sys.executable, "-c", SCRIPT.format(wait_after=wait_after), *WORDS, "--rounds", "4", "--in-process"]
    return subprocess.Popen([*command, "--output", str(folder), *more], stderr=subprocess.PIPE, text=True)


@pytest.mark.bits
@pytest.mark.long  # among the tests of bits it runs all the same
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.delenv(HOME)
    with start(tmp_path / "cut", wait_after=2) as killed:
        for line in killed.stderr:
            if line.startswith("round 2/4"):
                break
        until = time.monotonic() + 60
        while read_with_card(tmp_path / "cut" / FILE)[1]["rounds"] < 2 and time.monotonic() < until:
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    with start(tmp_path / "cut", "--resume") as again:
        _, log = again.communicate(timeout=120)
    assert again.returncode == 0, log
    assert "resuming after round 2" in log
    assert "round 1/4" not in log
    # The same without a break, in this process, with files elsewhere.
    monkeypatch.setenv(HOME, str(tmp_path / "elsewhere"))
    names = {"dataset": "digits", "partition": "iid", "clients": 2, "per_class": 1, "rounds": 4, "warm_up_steps": 2}
    few = {"passes": 1, "batch_size": 256}
    config = FedConfig(**names, **few, method=quick("fedlgd"), output=str(tmp_path / "whole"))
    run_in_process(server, client_app.app, config.run_config(), 2)
    for name in ("model.safetensors", "global.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    files = [
        sorted((p.name.partition("-")[2] or p.name, p.read_bytes()) for p in folder.rglob("*.safetensors"))
        for folder in (tmp_path / "cut" / "clients", tmp_path / "elsewhere")
    ]
    assert files[0] == files[1]


def test_there_must_be_something_to_go_on_with(tmp_path, capsys):
    words = [*WORDS, "--in-process", "--resume", "--output", str(tmp_path / "none")]
    assert cli.run(command.main, command.Command, prog="fed", description="", argv=words, family=FAMILY) == 2
    assert capsys.readouterr().err.startswith("fed: error: --resume: there is no checkpoint.safetensors in ")
    assert not (tmp_path / "none").exists()


def test_other_data_under_the_same_name_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / "clients"))
    for name, seed in (("one", 0), ("two", 1)):
        images(tmp_path / name / "x.npz", seed)
    link = tmp_path / "x.npz"
    link.symlink_to(tmp_path / "one" / "x.npz")
    words = ["--dataset", str(link), "--method", "fedavg", "--clients", "2", "--output", str(tmp_path / "out")]
    words += ["--train-on", "subset", "--in-process", "--quiet"]

    def run(*more):
        code = cli.run(command.main, command.Command, prog="fed", description="", argv=[*words, *more], family=FAMILY)
        return code, capsys.readouterr().err

    assert run("--rounds", "1") == (0, "")
    link.unlink()
    link.symlink_to(tmp_path / "two" / "x.npz")
    code, error = run("--rounds", "2", "--resume")
    assert code == 2
    assert error.startswith("fed: error: --resume: clients 0, 1 had other data (or another secret file) in the run in ")
    link.unlink()
    link.symlink_to(tmp_path / "one" / "x.npz")
    assert run("--rounds", "2", "--resume") == (0, "")
