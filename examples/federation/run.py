"""A federation over TLS with authenticated nodes, all on this machine: ``python examples/federation/run.py``.

A SuperLink and three SuperNodes run as separate processes, each with its own home, as they would on four machines. The
nodes are registered by their public keys, and three rounds of FedLGD run. Before that three more nodes try to connect
and are refused: one whose key is not registered, one without TLS, and one that trusts another authority than the
SuperLink's. Keys and certificates are created in a temporary folder. At the end, and at an error or Ctrl-C, all
processes are stopped and the folder is deleted.

Over several machines the same commands run: the SuperLink's with a host that the nodes can reach and its name in the
certificate; a SuperNode's at every client with that name in place of 127.0.0.1, with its own private key, and with the
client's own data in --node-config: "partition-id=0 dataset='digits/mnist' root='/data'".
"""

import re
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as text
from cryptography.hazmat.primitives.asymmetric import ec

from fed import report
from fed.client import store as memory
from fed.config import FedConfig
from fed.runtime.superlink import HOST, MARK, PATIENCE, ProcessGroup, environment, follow, open_port, plain, write_app
from graphdistill.core.command.deliver import show as print_report
from graphdistill.core.command.streams import replace_unknown

CONFIG = FedConfig(dataset="digits", partition="iid", method="fedlgd", clients=3, rounds=3, per_class=2)
BEGUN = time.monotonic()


def show(line):
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - BEGUN:6.1f} s  {line}", flush=True)


def show_own(line):
    """Print the lines of this package in a run's log."""
    if line.startswith(MARK):
        show(line.removeprefix(MARK))


def new_key(path, form):
    """Write a new private key and return it; Flower takes the curves of NIST only."""
    key = ec.generate_private_key(ec.SECP384R1())
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(text.Encoding.PEM, form, text.NoEncryption()))
    return key


def node_key(path):
    """Write a node's private and public key."""
    public = new_key(path, text.PrivateFormat.OpenSSH).public_key()
    path.with_suffix(".pub").write_bytes(public.public_bytes(text.Encoding.OpenSSH, text.PublicFormat.OpenSSH))


def certificates(folder):
    """Write the certificate of a new authority, and a server's key and certificate that are signed by it."""
    folder.mkdir()
    names = {who: x509.Name.from_rfc4514_string(f"CN={who}") for who in ("authority", "server")}
    keys = {who: new_key(folder / f"{who}.key", text.PrivateFormat.PKCS8) for who in names}
    addresses = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))])
    now = datetime.now(UTC)
    for who, extension in (("authority", x509.BasicConstraints(ca=True, path_length=0)), ("server", addresses)):
        draft = x509.CertificateBuilder(
            issuer_name=names["authority"],
            subject_name=names[who],
            public_key=keys[who].public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(minutes=5),
            not_valid_after=now + timedelta(days=1),
        ).add_extension(extension, critical=who == "authority")
        signed = draft.sign(keys["authority"], hashes.SHA256())
        (folder / f"{who}.crt").write_bytes(signed.public_bytes(text.Encoding.PEM))


class Machines:
    """Homes and processes of all roles.

    Args:
        group: to start processes in.
        folder: for homes, keys and logs.
    """

    def __init__(self, group, folder):
        self.group, self.folder, self.port = group, folder, open_port()

    def environment(self, role):
        """The environment of a role, whose files are all in its own home."""
        home = self.folder / role
        home.mkdir(exist_ok=True)
        return {**environment(home), memory.HOME: str(home)}

    def start(self, role, *words):
        """Start a process with its output in a file."""
        with (self.folder / f"{role}.log").open("w") as log:
            return self.group.start(words, env=self.environment(role), stdout=log, stderr=subprocess.STDOUT)

    def output(self, role):
        """The end of the output of a role's process."""
        return plain((self.folder / f"{role}.log").read_text())

    def superlink(self):
        """Start the SuperLink, wait until it listens, and write its address for the command line."""
        own = self.folder / "own"
        tls = ["--ssl-certfile", own / "server.crt", "--ssl-keyfile", own / "server.key"]
        tls += ["--ssl-ca-certfile", own / "authority.crt", "--enable-supernode-auth"]
        link = self.start("superlink", "flower-superlink", "--host", HOST, "--port", str(self.port), *map(str, tls))
        until = time.monotonic() + PATIENCE
        while socket.socket().connect_ex((HOST, self.port)):
            if link.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the SuperLink did not start: {self.output('superlink')}")
            time.sleep(0.2)
        home = Path(self.environment("person")["FLWR_HOME"])
        lines = ["[superlink]", 'default = "own"', "[superlink.own]", f'address = "{HOST}:{self.port}"']
        (home / "config.toml").write_text("\n".join([*lines, f'root-certificates = "{own / "authority.crt"}"']))

    def register(self, role):
        """Create a node's key and register it with the SuperLink."""
        node_key(self.folder / f"{role}.key")
        public = str(self.folder / f"{role}.pub")
        words = ["flwr", "supernode", "register", public, "own"]
        done = subprocess.run(words, env=self.environment("person"), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{role} could not be registered: {plain(done.stdout + done.stderr)}")

    def supernode(self, role, *words):
        """Start a SuperNode."""
        ports = ["--superlink", f"{HOST}:{self.port}", "--host", HOST, "--port", str(open_port())]
        return self.start(role, "flower-supernode", *ports, *words)

    def proof(self, role, authority="own"):
        """Options by which a SuperNode trusts the SuperLink and authenticates itself."""
        trusted = str(self.folder / authority / "authority.crt")
        return "--root-certificates", trusted, "--auth-supernode-private-key", str(self.folder / f"{role}.key")


def main():
    """Start all processes, show the refusals, run, and stop all processes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ProcessGroup() as group:
        machines = Machines(group, Path(name))
        for authority in ("own", "other"):
            certificates(machines.folder / authority)
        machines.superlink()
        show(f"SuperLink on port {machines.port}, with TLS")
        for number in range(CONFIG.clients):
            machines.register(f"node{number}")
            place = f"partition-id={number} num-partitions={CONFIG.clients}"
            machines.supernode(f"node{number}", *machines.proof(f"node{number}"), "--node-config", place)
        show(f"{CONFIG.clients} SuperNodes, registered by their public keys")

        node_key(machines.folder / "stranger.key")
        machines.register("misled")
        tries = {
            "stranger": ("its key is not registered", machines.proof("stranger")),
            "plain": ("it does not use TLS", ("--insecure",)),
            "misled": ("it trusts another authority", machines.proof("misled", "other")),
        }
        for role, (why, words) in tries.items():
            code = machines.supernode(role, *words, "--max-retries", "1").wait(timeout=PATIENCE)
            reason = re.search(r"Exit Code: .*?(?=The SuperNode could|$)", machines.output(role))
            show(f"refused, for {why}: process ended with {code}; {reason[0] if reason else machines.output(role)}")

        output = machines.folder / "report"
        app = write_app(machines.folder / "app", replace(CONFIG, output=str(output)).run_config())
        command = ["flwr", "run", str(app), "--stream"]
        record = follow(group, machines.environment("person"), command, show_own)
        bytes_in, bytes_out = (record["network-traffic"][f"{way}bound-bytes"] for way in ("in", "out"))
        show(f"{record['status']}; by Flower's counters {bytes_in:,} bytes in, {bytes_out:,} out")
        print_report(report.table(report.read(output)), output, report.files(output))
    show("all processes are gone")


if __name__ == "__main__":
    replace_unknown()
    try:
        main()
    except (RuntimeError, ValueError, KeyboardInterrupt) as error:
        sys.exit(f"{type(error).__name__}: {error}")
