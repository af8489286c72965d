"""A Python that has imported Poetry and waits; each command is a fork of it, with streams and
environment of its own.

Run by the interpreter of the Poetry under test, so it uses nothing of this package. It listens on
the Unix socket that an argument names, takes a JSON document and three file descriptors, and
answers with two lines: the process id, then its exit status. One command at a time.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

# What costs time to import. Not keyring, which reads its environment then.
HEAVY = (
    *(
        "cryptography.x509",
        "cryptography.hazmat.primitives.serialization.pkcs12",
        "cryptography.hazmat.backends",
    ),
    *(
        "cachecontrol",
        "filelock",
        "netrc",
        "requests",
        "requests_toolbelt",
        "tomlkit",
        "truststore",
        "urllib3",
    ),
    *(
        "poetry.console.application",
        "poetry.factory",
        "poetry.installation.installer",
        "poetry.plugins.plugin_manager",
    ),
    *(
        "poetry.publishing.publisher",
        "poetry.repositories.legacy_repository",
        "poetry.utils.authenticator",
    ),
)


def main(path: str, measured: str) -> int:
    """Serve until the other side is gone; in a fork, run Poetry and return its exit code.

    :param measured: not empty if coverage is measured, which wants to see the plugin being
    imported.
    """
    sys.path.remove(
        str(Path(__file__).parent)
    )  # the rooms of the tests are called as ours are: http, tls
    for name in HEAVY:
        with contextlib.suppress(ImportError):  # not in every Poetry's environment
            import_module(name)
    if not measured:
        for module in iter_modules(import_module("poetry_repo_plugin.commands").__path__):
            import_module(f"poetry_repo_plugin.commands.{module.name}")
    gc.freeze()
    sys.dont_write_bytecode, sys.pycache_prefix = (
        False,
        f"{path}.pycache",
    )  # the rest is compiled once
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        print("ready", flush=True)
        connection, _ = listener.accept()
    while True:
        order, streams = _take_order(connection)
        if order is None:
            return 0
        pid = os.fork()
        if pid == 0:
            connection.close()
            return _run(order, streams)
        for stream in streams:
            os.close(stream)
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _take_order(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    streams = array.array("i")
    data, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_LEN(3 * streams.itemsize))
    for _, _, found in ancillary:
        streams.frombytes(found)
    while data and not data.endswith(b"\n"):
        data += connection.recv(1 << 20)
    return (json.loads(data) if data else None), list(streams)


def _run(order: dict[str, Any], streams: list[int]) -> int:
    if order["terminal"]:
        import fcntl
        import termios

        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # which a shell's background jobs ignore
        os.setsid()
        fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.argv = ["poetry", *order["words"]]
    _renew_streams()
    _renew_locations()
    _customize()
    if "COVERAGE_PROCESS_START" in os.environ:
        import_module("coverage").process_startup()
    code = import_module("poetry.console.application").main()
    return int(code)


def _renew_streams() -> None:
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, errors = (
            ("r", "strict")
            if number == 0
            else ("w", "backslashreplace" if number == 2 else "strict")
        )
        stream = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _renew_locations() -> None:
    """``poetry.locations`` reads the environment when it is imported, and others copy from it."""
    folder = Path(os.environ["POETRY_CONFIG_DIR"])
    for name, module in list(sys.modules.items()):
        if name.startswith("poetry.") and hasattr(module, "CONFIG_DIR"):
            module.CONFIG_DIR = folder  # type: ignore[attr-defined]


def _customize() -> None:
    """What a Python that starts does by itself: a test's ``sitecustomize`` watches or breaks its
    command.
    """
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ModuleNotFoundError):
        import_module("sitecustomize")


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError):
        sys.exit(main(*sys.argv[1:]))
