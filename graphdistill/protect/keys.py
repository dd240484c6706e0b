"""The private key of a protection: from a file or a passphrase to the number that all secrets come from."""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.command.paths import expanded
from graphdistill.core.digest import digest

LEAST = 8
"""Bytes of the shortest key; shorter ones are guessed in no time."""
MAKE = 'python -c "import secrets; print(secrets.token_hex())" > my.key'
"""A command that makes a key."""


def read_key(path: Path | None, output: Path | None = None) -> bytes:
    """The key in a file, without line breaks at its end.

    Args:
        path: the file.
        output: folder that results are written to, where no key may be. (default: nothing is written)

    Raises:
        ValueError: there is no such file, it is in ``output``, or the key is too short.
    """
    if path is None:
        raise ValueError(f"--key is missing; give the file of your private key, made for example by: {MAKE}")
    path = expanded(path)
    try:
        key = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ValueError(f"--key {path} cannot be read: {error.strerror}; make one: {MAKE}") from None
    if output is not None and expanded(output).resolve() in path.resolve().parents:
        raise ValueError(f"--key {path} is in --output {output}, which is to be passed on; move it elsewhere")
    return check_key(key)


def check_key(key: bytes | str) -> bytes:
    """A key as bytes.

    Raises:
        ValueError: it is shorter than 8 bytes.

    Example:
        >>> check_key("swordfish")
        b'swordfish'
        >>> check_key("abc")
        Traceback (most recent call last):
        ValueError: key has 3 bytes and can be guessed; give 8 or more, such as secrets.token_bytes()
    """
    data = key.encode() if isinstance(key, str) else bytes(key)
    if len(data) < LEAST:
        raise ValueError(
            f"key has {len(data)} bytes and can be guessed; give {LEAST} or more, such as secrets.token_bytes()"
        )
    return data


def number_of(key: bytes | str) -> int:
    """The number of 128 bits that secrets of a key are drawn from; text counts as UTF-8.

    Example:
        >>> number_of("swordfish") == number_of(b"swordfish"), number_of("swordfisH") == number_of("swordfish")
        (True, False)
    """
    return int(digest(["graphdistill.protect", check_key(key)]), 16)
