"""Poetry's own tests with our hooks in place: what works in plain Poetry works with us.

    python3 tests/poetry_suite/run.py              the newest Poetry of tests/matrix.py
    python3 tests/poetry_suite/run.py 2.0.1        another, for which CI has no time
    python3 tests/poetry_suite/run.py --prepare    nothing is run, but what it needs is there then

They come from Poetry's sdist, and run in an environment without our plugin installed: Poetry's
tests of its application load every plugin that is. ``suite_hooks.py`` puts the hooks in place
before each test. Those that may fail stand in ``allowed.json`` with the reason; one that stands
there and passes is an error as well. What fails without our hooks too, on this machine, is none of
ours.

Both are kept below ``.venvs``, and no test reaches the network: whatever tries meets a proxy that
is not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.matrix import NEWEST, POETRIES  # noqa: E402

# What comes near a connection, a credential, a certificate or the configuration. The rest of
# Poetry's tests (its solver, its environments, its builders) would take as long again.
ROOMS = (
    *(
        "config",
        "console",
        "inspection",
        "installation",
        "plugins",
        "publishing",
        "repositories",
        "vcs",
    ),
    *(
        "test_factory.py",
        "utils/test_authenticator.py",
        "utils/test_helpers.py",
        "utils/test_password_manager.py",
    ),
)
TOOLS = (
    *("pytest", "pytest-mock", "pytest-timeout", "pytest-xdist", "responses", "httpretty"),
    *("deepdiff", "jaraco.classes"),
    *("cryptography", "truststore", "filelock", "id"),  # ours
)
NOWHERE = "http://127.0.0.1:9"  # RFC 863: nobody listens
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
MOST_LISTED = 15
LEFT_OUT = (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "VIRTUAL_ENV")


class Suite(NamedTuple):
    """One Poetry's tests."""

    poetry: str

    @property
    def environment(self) -> Path:
        return ROOT / ".venvs" / f"poetry-suite-{self.poetry}"

    @property
    def python(self) -> Path:
        return self.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def source(self) -> Path:
        return self.environment / f"poetry-{self.poetry}"

    @property
    def has_httpretty(self) -> bool:
        """Before Poetry 2.3. It puts itself in the place of Python's sockets and lets nothing pass,
        not to a proxy either.
        """
        return "httpretty" in (self.source / "pyproject.toml").read_text(encoding="utf-8")

    def prepare(self) -> None:
        """Make the environment and unpack the tests, once. Raises ``CalledProcessError``."""
        stamp = self.environment / ".complete"
        if stamp.exists():
            return
        shutil.rmtree(self.environment, ignore_errors=True)
        _call(sys.executable, "-m", "venv", str(self.environment))
        pip = (str(self.python), "-m", "pip")
        _call(*pip, "install", "-q", f"poetry=={self.poetry}", "poetry-core", *TOOLS)
        sdist = (
            "--no-deps",
            "--no-binary",
            "poetry",
            "--no-build-isolation",
            f"poetry=={self.poetry}",
        )
        _call(*pip, "download", "-q", "-d", str(self.environment), *sdist)
        with tarfile.open(self.environment / f"poetry-{self.poetry}.tar.gz") as archive:
            archive.extractall(
                self.environment
            )  # Poetry's own, from the registry that it was installed from
        if self.has_httpretty:  # https://github.com/gabrielfalcao/HTTPretty/issues/484
            _call(*pip, "install", "-q", "urllib3<2.3")
        stamp.touch()

    def run(self, tests: list[str], *, hooks: bool = True, workers: int = 2) -> dict[str, bool]:
        """Whether each test passed; a skipped one is not in it."""
        report = self.environment / "report.xml"
        report.unlink(missing_ok=True)
        environ = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        if not self.has_httpretty:
            environ.update(dict.fromkeys(PROXIES, NOWHERE))
        environ.update(NO_PROXY="localhost,127.0.0.1,::1", PIP_NO_INDEX="1", PYTHONPATH=str(HERE))
        options = [
            "-q",
            "-n",
            str(workers),
            "-W",
            "ignore",
            "--tb=short",
            "--timeout=120",
            "-p",
            "no:cacheprovider",
        ]
        options += [
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
            *(["-p", "suite_hooks"] if hooks else []),
        ]
        command = [str(self.python), "-m", "pytest", *options, *tests]
        done = subprocess.run(
            command, cwd=self.source, env=environ, capture_output=True, text=True, check=False
        )
        (self.environment / ("hooks.txt" if hooks else "plain.txt")).write_text(
            done.stdout + done.stderr
        )
        if not report.exists():
            raise SystemExit(f"Poetry's tests did not run:\n{(done.stdout + done.stderr)[-3000:]}")
        return _outcomes(report)


def _call(*command: str) -> None:
    subprocess.run(command, check=True)


def _outcomes(report: Path) -> dict[str, bool]:
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            good = case.find("failure") is None and case.find("error") is None
            found[f"{case.get('file')}::{case.get('name')}"] = good
    return found


def allowed(poetry: str) -> dict[str, str]:
    """The tests of this Poetry that may fail, with the reason. A group that is for some Poetrys
    ``only`` names them.
    """
    groups = json.loads((HERE / "allowed.json").read_text(encoding="utf-8"))
    mine = [group for group in groups if poetry in group.get("only", POETRIES)]
    return {test: group["reason"] for group in mine for test in group["tests"]}


def main(words: list[str]) -> int:
    """Run them; 1 if the list is not what happens."""
    chosen = [word for word in words if word in POETRIES] or [NEWEST]
    suites = [Suite(poetry) for poetry in chosen]
    for suite in suites:
        suite.prepare()
    return 0 if "--prepare" in words else max(map(_judge, suites))


def _judge(suite: Suite) -> int:
    rooms = [f"tests/{room}" for room in ROOMS if (suite.source / "tests" / room).exists()]
    outcomes, reasons = suite.run(rooms), allowed(suite.poetry)
    failed = [test for test, good in outcomes.items() if not good]
    surprises = [test for test in failed if test not in reasons]
    if surprises:  # a machine has its own ways to fail, and a test may depend on the one before it
        plain = suite.run(surprises, hooks=False)
        surprises = [test for test in surprises if plain.get(test, True)]
    if surprises:
        again = suite.run(surprises, workers=0)
        surprises = [test for test in surprises if not again.get(test, False)]
    stale = [test for test in reasons if outcomes.get(test) is not False]
    passed, listed = sum(outcomes.values()), sum(test in reasons for test in failed)
    print(
        f"Poetry {suite.poetry}: {passed} of its own tests pass with our hooks, {listed} fail as listed"
    )
    for test in surprises:
        print(f"fails with our hooks, and passes without: {test}")
    for test in stale:
        print(f"listed in {HERE / 'allowed.json'}, and does not fail: {test}")
    if len(reasons) > MOST_LISTED:
        print(f"{len(reasons)} are listed; at most {MOST_LISTED} may be")
    if surprises:
        print(f"See {suite.environment / 'hooks.txt'}")
    return 1 if surprises or stale or len(reasons) > MOST_LISTED else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
