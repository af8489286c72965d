"""The real Secret Service: gnome-keyring on a D-Bus session of its own, in the three states that
users meet.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.infrastructure.parts import SystemPart

BACKEND = "keyring.backends.SecretService.Keyring"
_PATIENCE = 30.0


@contextmanager
def session(
    system_part: SystemPart, folder: Path, home: Path, *, unlocked: bool
) -> Iterator[dict[str, str]]:
    """A session bus with gnome-keyring on it; the variables that lead a command to it.

    :param home: whose keyrings; a second session of the same home finds what the first one kept.
    :param unlocked: the login keyring is opened with its password; else it stays shut, and nobody
    can be asked.
    """
    daemon, runner = system_part("gnome-keyring-daemon"), system_part("dbus-run-session")
    folder.mkdir(mode=0o700)
    address = folder / "address"
    opening = "--unlock" if unlocked else "--start"
    script = (
        f'printf "the keyring\'s own password" | "{daemon}" --foreground {opening} --components=secrets & '
        f'printf %s "$DBUS_SESSION_BUS_ADDRESS" > "{address}.new"; mv "{address}.new" "{address}"; wait'
    )
    clean = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    environ = {
        **clean,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_DATA_HOME": str(home / "share"),
    }
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [str(runner), "--", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )
    try:
        yield {"DBUS_SESSION_BUS_ADDRESS": _come_up(address), "XDG_RUNTIME_DIR": str(folder)}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _come_up(address: Path) -> str:
    """The bus's address, as soon as a Secret Service answers there."""
    import jeepney
    from jeepney.io.blocking import open_dbus_connection

    until = time.monotonic() + _PATIENCE
    bus = jeepney.DBusAddress(
        "/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"
    )
    while time.monotonic() < until:
        with suppress(OSError):
            found = address.read_text()
            with open_dbus_connection(found) as connection:
                question = jeepney.new_method_call(
                    bus, "NameHasOwner", "s", ("org.freedesktop.secrets",)
                )
                if connection.send_and_get_reply(question).body[0]:
                    return found
        time.sleep(0.1)
    raise RuntimeError(f"no Secret Service came up: {address.with_name('output.log').read_text()}")
