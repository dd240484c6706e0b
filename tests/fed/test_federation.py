"""The example of a deployment; what starts Flower's processes is run by ``pytest -m deployment``."""

import importlib.util
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

SCRIPT = Path(__file__).parents[2] / "examples" / "federation" / "run.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("federation", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def handshake(own, trusted, host):
    """Have a client that trusts one folder's authority greet a server with another's certificate, in memory."""
    wires = [(ssl.MemoryBIO(), ssl.MemoryBIO())]
    wires.append(wires[0][::-1])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own / "server.crt", own / "server.key")
    client = ssl.create_default_context(cafile=trusted / "authority.crt")
    sides = [client.wrap_bio(*wires[0], server_hostname=host), server.wrap_bio(*wires[1], server_side=True)]
    for side in sides * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return sides[0].version()


def test_the_server_proves_itself_to_those_who_trust_its_authority(script, tmp_path):
    own, other = tmp_path / "own", tmp_path / "other"
    script.certificates(own)
    script.certificates(other)
    assert handshake(own, own, "127.0.0.1") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(own, other, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(own, own, "127.0.0.2")
    assert (own / "server.key").stat().st_mode & 0o77 == 0


def test_keys_of_nodes_are_what_flower_takes(script, tmp_path):
    script.node_key(tmp_path / "node.key")
    private = load_ssh_private_key((tmp_path / "node.key").read_bytes(), None)
    public = load_ssh_public_key((tmp_path / "node.pub").read_bytes())
    assert isinstance(private.curve, ec.SECP384R1)
    assert public == private.public_key()
    assert (tmp_path / "node.key").stat().st_mode & 0o77 == 0


@pytest.mark.deployment
def test_three_rounds_over_tls_without_those_who_are_refused():
    around = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    kin, log = set(), ""
    with psutil.Popen([sys.executable, str(SCRIPT)], stdout=subprocess.PIPE, text=True, env=around) as process:
        for line in process.stdout:
            kin |= set(process.children(recursive=True))
            log += line
    assert process.returncode == 0
    for why, reason in (
        ("its key is not registered", "Failed to activate SuperNode"),
        ("it does not use TLS", "Server disconnected"),
        ("it trusts another authority", "CERTIFICATE_VERIFY_FAILED"),
    ):
        assert re.search(rf"refused, for {why}: process ended with 1; Exit Code: 305 .*{reason}", log)
    assert re.findall(r"round (\d)/3: loss", log) == ["1", "2", "3"]
    traffic = re.search(r"finished:completed; by Flower's counters ([\d,]+) bytes in, ([\d,]+) out", log)
    assert all(int(number.replace(",", "")) > 3 * 3 * 4 * 10_000 for number in traffic.groups())
    assert log.splitlines()[-1].endswith("all processes are gone")
    assert [p for p in kin if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
