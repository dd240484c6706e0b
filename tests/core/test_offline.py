"""No network at import: in processes of their own, where sockets and threads are counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCH = """
import os, socket, sys, threading
lookups, started = [], []
def refuse(self, address, *more):
    lookups.append(address)
    raise OSError("no network")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda *address, **more: refuse(None, address)
begin = threading.Thread.start
threading.Thread.start = lambda thread: (started.append(str(thread._target)), begin(thread))[1]
{imports}
assert lookups == [], lookups
assert not [target for target in started if "check" in target], started
assert os.environ["FLWR_TELEMETRY_ENABLED"] == "0"
print("quiet")
"""
SMILES = """
import pathlib, tempfile
from graphdistill import datasets
path = pathlib.Path(tempfile.mkdtemp()) / "own.csv"
rows = [f"C1{'C' * (2 + n // 2)}C1{'NO'[n % 2]},{n % 2}" for n in range(60)]
path.write_text("\\n".join(["smiles,y", *rows]))
assert len(datasets.load(str(path)).graphs) == 60
"""


def run(imports: str) -> str:
    done = subprocess.run([sys.executable, "-c", WATCH.format(imports=imports)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "imports",
    [
        SMILES + "import graphdistill.mirage.command, graphdistill.condense.command, graphdistill.vqgraph.command",
        "import fed.server_app, fed.client_app",
    ],
    ids=["molecules and commands", "fed"],
)
def test_nothing_asks_the_network(imports: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FLWR_TELEMETRY_ENABLED", raising=False)
    assert run(imports).endswith("quiet\n")


def test_what_the_user_has_imported_stays() -> None:
    code = """
import types
sys.modules["outdated"] = mine = types.ModuleType("outdated")
os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "0"
import graphdistill
assert sys.modules["outdated"] is mine
assert os.environ["FLWR_DISABLE_UPDATE_CHECK"] == "0"
"""
    assert run(code) == "quiet\n"


def test_ogb_may_come_first() -> None:
    code = "import types\nsys.modules['ogb'] = mine = types.ModuleType('ogb')\nimport graphdistill\n"
    assert run(code + "assert sys.modules['ogb'] is mine and 'outdated' not in sys.modules") == "quiet\n"
