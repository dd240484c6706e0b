"""Standard output and error that take any text, whatever the encoding of the terminal."""

from __future__ import annotations

import codecs
import io
import sys

ASCII = {"±": "+-", "→": "->", "µ": "u", "\u2013": "-", "\u2014": "-", "…": "...", "≤": "<=", "≥": ">="}
"""Replacements for characters that an encoding lacks; other characters are written as their code point."""


def replace_unknown() -> None:
    r"""Let stdout and stderr replace characters that their encoding lacks instead of raising ``UnicodeEncodeError``.

    Tables hold plus-minus signs and paths may hold any character, but a terminal may support ASCII only.

    Example:
        >>> "0.71 ± 0.01 für \udce9".encode("ascii", "graphdistill.ascii")
        b'0.71 +- 0.01 f\\xfcr \\udce9'
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="graphdistill.ascii")


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(ASCII.get(c, c.encode("ascii", "backslashreplace").decode("ascii")) for c in unknown), error.end


codecs.register_error("graphdistill.ascii", _spell)
