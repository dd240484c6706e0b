import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import tomllib
from importlib import import_module
from pathlib import Path

import psutil
import pytest
from flwr.cli.config_utils import load_and_validate

from fed import __main__ as command
from fed.client.store import HOME
from fed.config import FedConfig
from fed.methods import FAMILY
from fed.runtime import superlink
from fed.runtime.superlink import ProcessGroup, environment, open_port, run_on_superlink, write_app
from graphdistill.core.command import cli

ROOT = Path(superlink.__file__).parents[2]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
)
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", {STUBBORN!r}], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(superlink, "GRACE", 0.3)


def parent(group):
    child = group.start([sys.executable, "-S", "-c", PARENT], stdout=-1)
    return child.pid, int(child.stdout.readline())


def test_an_error_takes_down_what_would_not_go_by_itself(impatient):
    pids = []

    def fail():
        with ProcessGroup() as group:
            pids.extend(parent(group))
            assert not any(map(gone, pids))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(map(gone, pids))


def test_orphans_are_known_if_they_were_seen(impatient):
    with ProcessGroup() as group:
        pids = parent(group)
        group.note_descendants()
        os.kill(pids[0], signal.SIGKILL)
        group._started[0].wait()
        assert not gone(pids[1])
    assert gone(pids[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_takes_all_down_and_its_handler_comes_back(number, impatient):
    before, pids = signal.getsignal(number), []

    def struck():
        with ProcessGroup() as group:
            pids.extend(parent(group))
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        struck()
    assert all(map(gone, pids))
    assert signal.getsignal(number) is before


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ProcessGroup():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {number} of 127.0.0.1 is in use"):
            open_port(number)
        with pytest.raises(ValueError, match="in use"):
            run_on_superlink({}, 2, print, port=number)
        assert open_port() != number
    assert open_port(number) == number


def test_flowers_processes_find_this_package_and_their_home(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/own")
    around = environment(tmp_path)
    assert around["FLWR_HOME"] == around["RAY_TMPDIR"] == str(tmp_path)
    assert around["PYTHONPATH"].split(os.pathsep) == [str(Path(superlink.__file__).parents[2]), "/own"]
    assert around["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert around["FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"] == around["FLWR_DISABLE_UPDATE_CHECK"] == "1"
    assert around["FLWR_TELEMETRY_ENABLED"] == "0"


def test_the_app_is_one_to_flower(tmp_path):
    config = FedConfig(root='/data "of" clinic', dirichlet_alpha=1e-5, dataset="grün").run_config()
    path = write_app(tmp_path / "app", config) / "pyproject.toml"
    loaded, warnings = load_and_validate(path)
    assert warnings == []
    assert (
        loaded["tool"]["flwr"]["app"]["config"]
        == config
        == tomllib.loads(path.read_text())["tool"]["flwr"]["app"]["config"]
    )
    for place in loaded["tool"]["flwr"]["app"]["components"].values():
        module, _, name = place.partition(":")
        assert hasattr(import_module(module), name)


@pytest.fixture
def flower(tmp_path, monkeypatch):
    """Stand-ins for Flower's commands: a server that is healthy, and a run with a given log and end."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    real = sys.executable

    def stand_in(name, body):
        path = scripts / name
        path.write_text(f"#!{real} -S\n{textwrap.dedent(body)}")
        path.chmod(0o755)

    def start(status, details="N/A", code=0, server=True):
        health = "import http.server as h, sys\nclass A(h.BaseHTTPRequestHandler):\n"
        health += " def do_GET(self): self.send_response(200); self.end_headers()\n"
        health += "h.HTTPServer(('127.0.0.1', int(sys.argv[-1])), A).serve_forever()\n"
        stand_in("flower-superlink", health if server else "raise SystemExit('\\x1b[91mERROR\\x1b[0m: address in use')")
        runs = json.dumps({"runs": [{"status": status, "status-details": details}]})
        words = f"import os, sys\nopen({str(tmp_path / 'home')!r}, 'w').write(os.environ['FLWR_HOME'])\n"
        words += f"if sys.argv[1] == 'list':\n print({runs!r})\n raise SystemExit\n"
        words += "print('fed: round 1'); print('INFO : [ROUND 1]')\n"
        stand_in(
            "flwr",
            words + f"if {code}:\n print('╭─ Error ─╮\\n│ no such │', file=sys.stderr)\n raise SystemExit({code})",
        )

    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    return start


def test_the_log_is_shown_and_the_home_is_gone(flower, tmp_path):
    flower("finished:completed")
    error = []
    run_on_superlink({"clients": 2}, 2, error.append)
    assert error == ["fed: round 1", "INFO : [ROUND 1]"]
    home = Path((tmp_path / "home").read_text())
    assert home.name.startswith("fed-")
    assert not home.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"status": "finished:failed", "details": "all clients failed"}, "the run failed: all clients failed"),
        ({"status": "finished:stopped", "details": "by its user"}, "the run stopped: by its user"),
        ({"status": "running", "code": 1}, "the run could not be started or followed: Error no such$"),
        ({"status": "", "server": False}, r"the SuperLink did not start on port \d+: ERROR : address in use$"),
    ],
)
def test_a_run_that_fails_raises_with_the_reason(options, error, flower):
    flower(**options)
    with pytest.raises(RuntimeError, match=error):
        run_on_superlink({}, 2, lambda line: None)


def test_without_ray_there_is_another_way(monkeypatch):
    monkeypatch.setattr(superlink.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="--in-process"):
        run_on_superlink({}, 2, print)


def test_the_command_fails_when_the_run_does(flower, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path))
    flower("finished:failed", "no client was left")
    words = ["--dataset", "digits", "--partition", "iid", "--clients", "2", "--output", str(tmp_path / "out")]
    assert cli.run(command.main, command.Command, prog="fed", description="", argv=words) == 1
    found = capsys.readouterr().err.splitlines()
    assert found == ["round 1", "fed: RuntimeError: the run failed: no client was left (--debug shows where)"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["flower-superlink", "flwr"])
def test_a_missing_command_is_named_with_the_way_out(name, flower, tmp_path, monkeypatch):
    flower("finished:completed")
    (tmp_path / "bin" / name).unlink()
    monkeypatch.setenv("PATH", os.defpath)
    with pytest.raises(ValueError, match=rf"{name} is not installed in .*; pip install 'flwr\[simulation\]', or give"):
        run_on_superlink({}, 2, print)


@pytest.mark.parametrize(
    ("traffic", "shown"),
    [
        ({}, []),
        ({"network-traffic": {"inbound-bytes": 0, "outbound-bytes": 0}}, []),
        (
            {"network-traffic": {"inbound-bytes": 1234, "outbound-bytes": 5}},
            ["bytes by Flower's own counters: in 1,234, out 5"],
        ),
    ],
)
def test_flowers_counters_are_shown_where_they_counted(traffic, shown, monkeypatch, capsys):
    monkeypatch.setattr(superlink, "run_on_superlink", lambda *args, actors: traffic)
    command._on_superlink(command.Command(), FedConfig())
    assert capsys.readouterr().err.splitlines() == shown


@pytest.mark.deployment
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has subreapers")
def test_a_command_that_is_killed_leaves_nothing(tmp_path):
    words = ["--dataset", "digits", "--partition", "iid", "--method", "fedavg", "--clients", "2", "--rounds", "500"]
    around = {**os.environ, "PYTHONPATH": str(Path(superlink.__file__).parents[2])}
    command = [sys.executable, "-m", "fed", *words, "--output", str(tmp_path / "out")]
    with psutil.Popen(command, stderr=subprocess.PIPE, text=True, env=around) as process:
        for line in process.stderr:
            if line.startswith("round 2/500"):
                break
        kin = process.children(recursive=True)
        # The kernel keeps fifteen characters of a name.
        assert {"flower-superlin", "raylet"} <= {p.name()[:15] for p in kin}
        process.kill()
    until = time.monotonic() + 10
    while not all(gone(p.pid) for p in kin) and time.monotonic() < until:
        time.sleep(0.1)
    assert [p for p in kin if not gone(p.pid)] == []
    # Nobody writes on.
    before = (tmp_path / "out" / "checkpoint.safetensors").stat().st_mtime_ns
    time.sleep(1)
    assert (tmp_path / "out" / "checkpoint.safetensors").stat().st_mtime_ns == before


@pytest.mark.deployment
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has subreapers")
def test_flwr_run_works_in_a_fresh_folder_with_one_line(tmp_path):
    for name in ("fed", "graphdistill"):
        shutil.copytree(ROOT / name, tmp_path / "app" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "app" / name)
    around = {**environment(tmp_path / "home"), HOME: str(tmp_path / "clients")}
    around |= {"FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(open_port())}
    # Ray's sockets need a short path.
    del around["RAY_TMPDIR"]
    # What is added to the line makes the run short; the SuperLink that Flower leaves behind ends with the group.
    more = ["--run-config", "method='fedavg' train-on='subset' rounds=2 image-size=8"]
    with ProcessGroup() as group:
        run = group.start(["flwr", "run", ".", "--stream", *more], env=around, cwd=tmp_path / "app", stdout=-1)
        log = run.stdout.read()
        assert run.wait() == 0
    assert "fed: Flower simulates 2 nodes, so there are as many clients; for 3 give flwr run" in log
    written = json.loads((tmp_path / "app" / "runs" / "fed" / "results.json").read_text())
    assert written["title"] == "fedavg, subset on digits-domains, 2 clients"


@pytest.mark.deployment
def test_from_the_command_to_a_report_by_flowers_own_processes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / "out" / "clients"))
    before = set(psutil.pids())
    words = ["--dataset", "digits", "--partition", "iid", "--method", "fedlgd", "--clients", "2", "--rounds", "2"]
    words += ["--per-class", "1", "--output", str(tmp_path / "out")]
    assert cli.run(command.main, command.Command, prog="fed", description="", argv=words, family=FAMILY) == 0
    assert "round 2/2: loss" in capsys.readouterr().err
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["group"] for row in found["rows"]] == ["0 digits 0", "1 digits 1"] * 3
    assert {"global.png", "client-0.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
    names = ("flwr", "flower-", "ray", "gcs_server")
    left = [psutil.Process(pid) for pid in set(psutil.pids()) - before if not gone(pid)]
    assert [p.cmdline() for p in left if any(name in " ".join(p.cmdline()) for name in names)] == []
