"""The canary: a new Poetry that changed a name or a signature we use is named here, before users
meet it.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests import packages
from tests.integration.far import Far, forget, project_of
from tests.poetry_process import PoetryHome, poetry_under_test
from tests.servers import IndexServer

pytestmark = pytest.mark.paths

PROBE = """
import inspect
import json
from pathlib import Path
from poetry_repo_plugin.hooks import facts, patches, prefetch

changed = [*patches.missing_seams(), *filter(None, (seam.fault() for seam in prefetch.SEAMS))]

# What asks ahead reads; without one of them, it would quietly not be done.
from poetry.core.packages.package import Package
from poetry.installation.chooser import Chooser
from poetry.puzzle.provider import Provider
from poetry.repositories.legacy_repository import LegacyRepository
from poetry.repositories.repository_pool import RepositoryPool

for owner, function, names in (
    ("Provider", Provider.__init__, ("_locked", "_use_latest")),
    ("Provider", Provider.complete_package, ("_python_constraint",)),
    ("Chooser", Chooser.__init__, ("_pool", "_env")),
    ("HTTPRepository", LegacyRepository.__mro__[1].__init__, ("get_page", "_get_page", "_lazy_wheel")),
):
    changed += [f"{owner}.{name}" for name in names if name not in function.__code__.co_names]

# Names without a signature, which the injection reads where they exist and does not do without.
from poetry.config.config import Config
from poetry.console.application import Application
from poetry.publishing.publisher import Publisher
from cachecontrol.serialize import Serializer
from poetry.repositories.legacy_repository import LegacyRepository
from poetry.utils.authenticator import Authenticator
from poetry.utils.cache import FileCache
from poetry_repo_plugin.http.cache import careful
import poetry.console.commands.cache.clear
import poetry.locations
import poetry.vcs.git.backend

authenticator = Authenticator(Config(), cache_id="canary")
for name in ("_cache_control", "_pool_size"):
    if not hasattr(authenticator, name):
        changed.append(f"Authenticator.{name}")
repository = LegacyRepository("canary", "https://pypi.example.org/simple/", config=Config())
for name in ("_cache_dir", "_release_cache", "_url", "session"):
    if not hasattr(repository, name):
        changed.append(f"LegacyRepository.{name}")
for name in ("_path", "_serialize"):
    if not hasattr(FileCache, name):
        changed.append(f"FileCache.{name}")
if not hasattr(poetry.console.commands.cache.clear, "FileCache"):
    changed.append("poetry.console.commands.cache.clear.FileCache")
kept = authenticator._cache_control
if careful(kept) is kept:
    changed.append("Authenticator._cache_control's class")
if Serializer.serde_version != "4":
    changed.append("cachecontrol's format")
if not hasattr(Application, "project_directory") and not hasattr(Application, "_project_directory"):
    changed.append("Application.project_directory")
if not hasattr(poetry.vcs.git.backend, "get_transport_and_path"):
    changed.append("poetry.vcs.git.backend.get_transport_and_path")
for name in ("_uploader", "_poetry"):
    if name not in Publisher.__init__.__code__.co_names:
        changed.append(f"Publisher.{name}")
pypi = facts.builtin_pypi()
if not (pypi.index_url or "").startswith("https://"):
    changed.append(f"PyPI's index: {pypi.index_url}")
if pypi.publish_url not in inspect.unwrap(Publisher.publish).__code__.co_consts:
    changed.append(f"PyPI's uploads, not at {pypi.publish_url}")
if not isinstance(facts.config_folder(), Path):
    changed.append("poetry.locations.CONFIG_DIR")
print(json.dumps([facts.poetry_version(), changed]))
"""


def test_poetry_has_every_name_and_signature_that_we_use() -> None:
    """Mend `hooks/patches.py` (its SEAMS say what each is for) where this fails."""
    python = poetry_under_test().with_name("python")
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version, changed = json.loads(done.stdout)
    assert not changed, f"Poetry {version} changed: " + ", ".join(changed)


def test_without_a_seam_poetry_goes_on_and_nothing_is_said(home: PoetryHome) -> None:
    """Nothing is wrong where nothing can be asked ahead."""
    gone = 'prefetch.Seam("poetry.puzzle.provider:Provider", "gone")'
    broken = f"from poetry_repo_plugin.hooks import prefetch\nprefetch.SEAMS += ({gone},)\n"
    main = "import sys\nfrom poetry.console.application import main\nsys.exit(main())\n"
    seen: list[int] = []
    for code in (broken, ""):
        with IndexServer() as index:
            index.add_all(packages.wheel(f"lib{number}", "1.0") for number in range(8))
            far = Far(index)
            project_of(home, index, *(f"lib{number}" for number in range(8)))
            forget(home)
            done = run_code(home, code + main, "lock")
            assert done.returncode == 0, done.stderr
            assert (
                "poetry-repo-plugin" not in done.stderr
            )  # old Poetrys have a line of their own there
            seen.append(far.most)
    assert seen[0] == 1
    assert seen[1] > 1


def run_code(home: PoetryHome, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    python = poetry_under_test().with_name("python")
    return subprocess.run(
        [str(python), "-c", code, *words],
        cwd=home.project,
        env=home.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_name_is_reported() -> None:
    """The failing twin: without one method, the self-test names it."""
    python = poetry_under_test().with_name("python")
    code = (
        "import json\n"
        "from poetry.publishing.uploader import Uploader\n"
        "del Uploader.make_session\n"
        "from poetry_repo_plugin.hooks.patches import missing_seams\n"
        "print(json.dumps(missing_seams()))"
    )
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == ["Uploader.make_session"]
