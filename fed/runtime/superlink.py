"""A private SuperLink: Flower's server and simulated clients as child processes, which end with the run.

The processes are those of ``flwr run``: a SuperLink, its SuperExec, a simulation and Ray's actors. They share one free
port of this machine and a home that is deleted afterwards; ``~/.flwr`` and a project's pyproject.toml are neither read
nor written.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from fed.runtime import warden
from graphdistill.core.device import resolve_device

HOST = "127.0.0.1"
ACTORS = 2
"""Default number of clients that are simulated in parallel, each in a process of some 400 MB."""
PATIENCE = 120.0
"""Seconds for a SuperLink to start."""
GRACE = 10.0
"""Seconds for processes to end by themselves."""
LINUX = Path("/proc/self/exe")
"""This Python's executable, on Linux."""
MARK = "fed: "
"""Prefix of the server's own lines, among Flower's and Ray's."""
APP = """[project]
name = "fed"
version = "1"
description = "Federated learning on virtual data"
license = "MIT"

[tool.flwr.app]
publisher = "graphdistill"

[tool.flwr.app.components]
serverapp = "fed.server_app:app"
clientapp = "fed.client_app:app"

[tool.flwr.app.config]
"""


class ProcessGroup:
    """Processes that end with the block, whether it ends or fails, with all processes that they started.

    SIGINT, SIGTERM and SIGHUP raise ``KeyboardInterrupt`` inside the block, unless they were ignored before it.

    Example:
        >>> with ProcessGroup() as group:
        ...     child = group.start([sys.executable, "-c", "import time; time.sleep(60)"])
        >>> child.returncode is not None
        True
    """

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self._known: set[psutil.Process] = set()
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> ProcessGroup:
        if threading.current_thread() is threading.main_thread():
            signals = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
            handled = {s: signal.getsignal(s) for s in signals if signal.getsignal(s) is not signal.SIG_IGN}
            self._handlers = {s: signal.signal(s, signal.default_int_handler) for s in handled}
        return self

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a process that does not receive the terminal's Ctrl-C, which this block handles.

        On Linux it ends with this process even if that is killed; see :mod:`fed.runtime.warden`.

        Args:
            command: the command and its arguments.
            options: of ``subprocess.Popen``, but for the standard input.

        Raises:
            ValueError: there is no such command.
        """
        around = options.get("env") or os.environ
        if shutil.which(command[0], path=around.get("PATH")) is None:
            raise ValueError(
                f"{command[0]} is not installed in {Path(sys.executable).parent}; "
                "pip install 'flwr[simulation]', or give --in-process"
            )
        words = list(command)
        if LINUX.is_file():
            # Isolated from packages and from the folder that it starts in, since it needs Python alone.
            words = [str(LINUX.resolve()), "-I", "-S", warden.__file__, *words]
        child = subprocess.Popen(words, text=True, start_new_session=True, stdin=subprocess.PIPE, **options)
        self._started.append(child)
        return child

    def note_descendants(self) -> None:
        """Remember all descendants: after the death of its parent, a process can no longer be recognised as one."""
        for child in self._started:
            if child.poll() is None:
                parent = psutil.Process(child.pid)
                self._known |= {parent, *parent.children(recursive=True)}

    def __exit__(self, *error: object) -> None:
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        self.note_descendants()
        for end in (psutil.Process.terminate, psutil.Process.kill):
            alive = [process for process in self._known if _alive(process)]
            for process in alive:
                try:
                    end(process)
                except psutil.NoSuchProcess:
                    continue
            until = time.monotonic() + GRACE
            while any(map(_alive, alive)) and time.monotonic() < until:
                time.sleep(0.05)
        for child in self._started:
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def open_port(wanted: int | None = None) -> int:
    """A free port of this machine.

    Args:
        wanted: the only acceptable port (default: any).

    Raises:
        ValueError: it is in use.
    """
    with socket.socket() as tried:
        # As servers do; otherwise a port counts as used for a minute after its last connection.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, wanted or 0))
        except OSError as error:
            raise ValueError(f"port {wanted} of {HOST} is in use; free it, or choose no port") from error
        return int(tried.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """Environment of Flower's processes: their own home, no downloads, no telemetry, this package.

    Args:
        home: folder for all files of Flower and Ray.
    """
    here, scripts = str(Path(__file__).parents[2]), str(Path(sys.executable).parent)
    before = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if os.environ.get(name)}
    return {
        **os.environ,
        "PATH": os.pathsep.join([scripts, before.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join([here, *([before["PYTHONPATH"]] if "PYTHONPATH" in before else [])]),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "FLWR_HOME": str(home),
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",
        "RAY_TMPDIR": str(home),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def write_app(folder: Path, run_config: Mapping[str, str | int | float | bool]) -> Path:
    """Write a Flower app of this package's two apps, and return its folder.

    Args:
        folder: of the app; created if absent.
        run_config: config of its runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Numbers, booleans and strings are written alike in JSON and TOML.
    settings = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in run_config.items()]
    (folder / "pyproject.toml").write_text(APP + "\n".join(settings) + "\n", encoding="utf-8")
    return folder


def run_on_superlink(
    run_config: Mapping[str, str | int | float | bool],
    clients: int,
    show: Callable[[str], object],
    port: int | None = None,
    *,
    actors: int = ACTORS,
) -> dict[str, Any]:
    """Run the two apps of this package on a SuperLink that is started and stopped for the run.

    Args:
        run_config: config of the run; the server's app writes its results to the folder ``output``.
        clients: number of simulated clients.
        show: called with every line of the run's log as it comes.
        port: of the SuperLink (default: a free one).
        actors: clients that are simulated in parallel. (default: 2)

    Returns:
        Flower's record of the run, with its counts of bytes.

    Raises:
        ValueError: the port is in use, or Ray, which simulates, is not installed.
        RuntimeError: the SuperLink did not start, did not accept the run, or the run failed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ValueError("simulation on a SuperLink needs ray; pip install 'flwr[simulation]', or give --in-process")
    port = open_port(port)
    # The paths of Ray's sockets may have a hundred characters, and other temporary folders have long names.
    short = "/tmp" if Path("/tmp").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="fed-", dir=short, ignore_cleanup_errors=True) as name,
        ProcessGroup() as group,
    ):
        home = Path(name)
        around = environment(home)
        app = write_app(home / "app", run_config)
        connection = f'[superlink]\ndefault = "own"\n\n[superlink.own]\naddress = "{HOST}:{port}"\ninsecure = true\n'
        (home / "config.toml").write_text(connection, encoding="utf-8")
        log = home / "superlink.log"
        with log.open("w", encoding="utf-8") as file:
            words = ["--insecure", "--simulation", "--host", HOST, "--port", str(port)]
            link = group.start(["flower-superlink", *words], env=around, stdout=file, stderr=subprocess.STDOUT)
        _await(link, port, log)
        nodes = f"num-supernodes={clients} client-resources-num-cpus=1 init-args-num-cpus={actors}"
        if resolve_device(str(run_config.get("device", "cpu"))).type == "cuda":
            # Ray hides the GPU from processes that have no share of it.
            nodes += f" client-resources-num-gpus={1 / actors} init-args-num-gpus=1"
        return follow(group, around, ["flwr", "run", str(app), "--stream", "--federation-config", nodes], show)


def follow(
    group: ProcessGroup, around: Mapping[str, str], command: Sequence[str], show: Callable[[str], object]
) -> dict[str, Any]:
    """Start a run on the default SuperLink of a home, follow it to its end and return Flower's record of it.

    Args:
        group: the group to start processes in.
        around: their environment, with the home.
        command: ``flwr run`` with its arguments, ``--stream`` among them.
        show: called with every line of the run's log as it comes.

    Raises:
        RuntimeError: the run was not accepted, or failed.
    """
    run = group.start(command, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stderr is not None
    for line in run.stdout:
        group.note_descendants()
        show(line.rstrip())
    if run.wait():
        raise RuntimeError(f"the run could not be started or followed: {plain(run.stderr.read())}")
    # flwr run succeeds even when the run failed, and its log may end a moment before the run.
    while True:
        command = ["flwr", "list", "--format", "json"]
        listed = subprocess.run(command, env=around, capture_output=True, text=True, check=False)
        if listed.returncode:
            raise RuntimeError(f"the SuperLink does not list the run: {plain(listed.stdout + listed.stderr)}")
        record: dict[str, Any] = json.loads(listed.stdout)["runs"][0]
        if record["status"] == "finished:completed":
            return record
        if record["status"].startswith("finished"):
            raise RuntimeError(f"the run {record['status'].partition(':')[2]}: {record['status-details']}")
        time.sleep(0.5)


def _await(link: subprocess.Popen[str], port: int, log: Path) -> None:
    """Wait until the SuperLink is healthy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + PATIENCE
    while link.poll() is None and time.monotonic() < until:
        try:
            opener.open(f"http://{HOST}:{port}/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the SuperLink did not start on port {port}: {plain(log.read_text(encoding='utf-8'))}")


def plain(text: str) -> str:
    r"""The end of Flower's output, without colours and boxes, in a line.

    Example:
        >>> plain("INFO :  up\n\x1b[91m╭─ Error ─╮\n│ port in use │\x1b[0m")
        'INFO : up Error port in use'
    """
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[\u2500-\u257f]", " ", text).split())[-1000:]
