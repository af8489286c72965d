"""Questions to a person: what is typed for a secret is never shown."""

from __future__ import annotations

import subprocess
import sys

from poetry_repo_plugin.core.errors import InputError

QUESTION = "from poetry_repo_plugin.core.prompts import ask_secret; ask_secret('Password: ')"


def test_where_nothing_can_be_hidden_nothing_is_read() -> None:
    """Without a terminal ``getpass`` would read on, and show what is typed."""
    done = subprocess.run(
        [sys.executable, "-c", QUESTION],
        input="hunter2\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"{InputError.__module__}.InputError: "
        "This terminal cannot hide what you type; pass the secret on standard input."
    )
    assert "hunter2" not in done.stdout + done.stderr
