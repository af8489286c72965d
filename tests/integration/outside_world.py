"""Helpers, vendors' tools and short-lived tokens: what their tests share.

The programs are real scripts that write down each run; the tokens that they hand out are ``T1``,
``T2``, … in the order in which they were asked for; git's protocol has the users ``robot1``,
``robot2``, … with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import tomlkit

from tests.credentials.stand_ins import StandIn
from tests.integration.world import make_venv, source
from tests.poetry_process import FILE_KEYRING, Finished, PoetryHome
from tests.servers import IndexServer
from tests.servers.simple import Index

NAME = "foo"
USER = "robot"
SECRET = "tok3n-{number}-sécret"
"""A token as a password; ``{number}`` says which."""

BEARER = "tok3n-{number}-secret"
LIFE = 3600.0

_NUMBER = """\
asked = {asked!r}
lines = open(__file__ + ".calls", encoding="utf-8").read().splitlines()
me = len([line for line in lines if asked is None or json.loads(line)["argv"][-1:] == [asked]])
life = {life!r}
ends = None if life is None else time.time() + life
stamp = None if life is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
"""

BAZEL = """\
token = {token!r}.replace("{{number}}", str(me))
answer = {{"headers": {{"Authorization": ["Bearer " + token]}}}}
if stamp:
    answer["expires"] = stamp
print(json.dumps(answer))
"""

GIT = """\
if sys.argv[-1] == "get":
    token = {token!r}.replace("{{number}}", str(me))
    print("username={user}%d" % me)
    sys.stdout.flush()
    sys.stdout.buffer.write(("password=" + token + "\\n").encode())
    if ends:
        print("password_expiry_utc=%d" % ends)
"""

EXEC = """\
token = {token!r}.replace("{{number}}", str(me))
status = {{"token": token}}
if stamp:
    status["expirationTimestamp"] = stamp
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""

_BODIES = {
    "bazel": (BAZEL, "get", BEARER),
    "git": (GIT, "get", SECRET),
    "exec-credential": (EXEC, None, BEARER),
}


@dataclass
class Helper:
    """A credential helper.

    :param protocol: as in the settings.
    :param pattern: its tokens.
    """

    tool: StandIn
    protocol: str
    pattern: str

    @classmethod
    def make(
        cls, folder: Path, protocol: str, life: float | None = LIFE, body: str | None = None
    ) -> Helper:
        """A helper whose tokens live for ``life`` seconds.

        :param body: what it does instead (Python; ``me`` is the number of its run).
        """
        own, asked, pattern = _BODIES[protocol]
        text = own.format(token=pattern, user=USER) if body is None else body
        return cls(
            StandIn(folder, "helper", _NUMBER.format(asked=asked, life=life) + text),
            protocol,
            pattern,
        )

    @property
    def words(self) -> list[str]:
        """The operation of each run, in order; ``ask`` where the protocol has none."""
        return [(call["argv"] or ["ask"])[-1] for call in self.tool.calls]

    @property
    def asked(self) -> int:
        """How often it was asked for a credential."""
        return len([word for word in self.words if word in ("get", "ask")])

    def token(self, number: int) -> str:
        """The token of its ``number``-th answer."""
        return self.pattern.replace("{number}", str(number))

    def told(self, word: str) -> list[str]:
        """What it found on its standard input with ``store`` or ``erase``: the passwords."""
        found = []
        for call in self.tool.calls:
            if call["argv"][-1:] == [word]:
                found += re.findall(r"^password=(.*)$", call["stdin"], re.MULTILINE)
        return found


def accept(index: Index, helper: Helper, numbers: Iterable[int]) -> None:
    """From now on the index takes these tokens of ``helper``, and nothing else."""
    tokens = {f"{USER}{number}": helper.token(number) for number in numbers}
    index.credentials, index.tokens = (
        (tokens, None) if helper.protocol == "git" else (None, set(tokens.values()))
    )


def set_helper(home: PoetryHome, helper: Helper, *origins: str, name: str = NAME) -> None:
    """Settings as ``repo login NAME --helper`` writes them."""
    own = {
        "helper": [*helper.tool.command],
        "helper-protocol": helper.protocol,
        "credential-origins": [*origins],
    }
    settle(home, name, own)


def settle(home: PoetryHome, name: str, own: dict[str, Any]) -> None:
    """Write the entry of ``name`` in our settings file."""
    file = home.config / "poetry-repo-plugin.toml"
    document = home.toml(file.name)
    document.setdefault("repositories", {})[name] = own
    file.write_text(tomlkit.dumps(document), encoding="utf-8")
    file.chmod(0o600)


def project(
    home: PoetryHome, index_url: str, *dependencies: str, name: str = NAME, extra: str = ""
) -> Path:
    """A project whose one source is the index."""
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return home.write_project(dependencies=dependencies, extra=source(name, index_url) + extra)


def use_venv(home: PoetryHome, folder: Path) -> Path:
    """An empty virtual environment for the home; its ``site-packages``."""
    home.environ.pop("POETRY_VIRTUALENVS_CREATE", None)
    home.environ["VIRTUAL_ENV"] = str(folder)
    return make_venv(folder)


def with_keyring(home: PoetryHome) -> PoetryHome:
    """The home with a keyring that writes down its calls."""
    home.keyring = FILE_KEYRING
    return home


def refusals(server: IndexServer) -> int:
    """How many requests were refused."""
    return len([request for request in server.requests if request.status in (401, 403)])


def secrets_seen(server: IndexServer) -> list[str]:
    """The different passwords and tokens that came, in the order of their first use."""
    found = [
        authorization.token or authorization.password or ""
        for authorization in server.authorizations()
    ]
    return list(dict.fromkeys(found))


def anonymous(server: IndexServer) -> int:
    """How many requests came without a credential."""
    return len([request for request in server.requests if request.authorization is None])


def assert_nowhere(home: PoetryHome, done: Iterable[Finished], *secrets: str) -> None:
    """No output shows and no plain file keeps a secret."""
    for secret in secrets:
        assert home.files_with(secret) == []
        for one in done:
            assert secret not in one.text


def later(seconds: float) -> datetime:
    """A moment from now, UTC."""
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)
