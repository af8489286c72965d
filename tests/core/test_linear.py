"""What a stranger writes is read in time that grows with its length and not with its square."""

from __future__ import annotations

import subprocess
import sys

import pytest

SIZE = 1_000_000  # characters; at a quadratic step of a nanosecond each would take a quarter of an hour
LIMIT = 60  # seconds, for a busy machine

HOSTILE = (
    "x:@//:x",
    "//:",
    "https:",
    "\\\\@",
    "@",
    "//[",
    "//a:1",
    "eyJ",
    "a",
    "\x1b[0",
    "\x1b]",
    "://",
    "%2e",
    "`",
    "é",
)
CALLS = {
    "redact": "from poetry_repo_plugin.core.origin import redact as read",
    "is a URL": "from poetry_repo_plugin.core.origin import Prefix\n"
    "def read(text):\n for url in (text, 'https://' + text, 'https://h/' + text): assert not prefix.covers(url)\n"
    "prefix = Prefix.of('https://h')",
    "presentable": "from poetry_repo_plugin.credentials.process import presentable as read",
    "passwords in files": "from poetry_repo_plugin.doctor.file_audit import lines_with_password\n"
    "def read(text): list(lines_with_password(text))",
    "printable": "from poetry_repo_plugin.core.errors import printable as read",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_long_text_is_read_at_once(call: str) -> None:
    """Alone and where there is no ``@`` or only one at the beginning or the end."""
    script = f"""{call}
for piece in {HOSTILE!r}:
    for before, after in (("", ""), ("@", ""), ("", "@"), ("https://", " @"), ("https://x@", "")):
        read(before + piece * ({SIZE} // len(piece) // 5) + after)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=LIMIT)
