"""A Poetry that may be changed: an environment of its own, in which this plugin and what only it
needs are missing.

What Poetry itself needs is seen through a folder of links, outside of the environment, so that
nothing there is ever installed, updated or removed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

from tests import packages
from tests.integration.world import make_venv
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer

ROOT = Path(__file__).resolve().parents[2]
OWN = "poetry-repo-plugin"
ONLY_OURS = ("truststore", "id")
"""Dependencies of the plugin that Poetry does not have."""


def real_packages() -> Path:
    """The ``site-packages`` of the Poetry under test."""
    return next((poetry_under_test().parents[1] / "lib").glob("python*/site-packages"))


def build_wheel(folder: Path) -> Path:
    """The plugin's own wheel."""
    script = f"from poetry.core.masonry import api; print(api.build_wheel({str(folder)!r}))"
    python = poetry_under_test().with_name("python")
    done = subprocess.run(
        [python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return folder / done.stdout.splitlines()[-1]


def make_poetry(folder: Path) -> Path:
    """The executable of a Poetry without the plugin."""
    own = make_venv(folder / "venv")
    links = folder / "links"
    links.mkdir()
    for path in real_packages().iterdir():
        if _project(path) not in (OWN, *ONLY_OURS) and path.suffix not in (
            ".pth",
            ".py",
            ".egg-link",
        ):
            (links / path.name).symlink_to(path)
    for path in real_packages().glob("*.py"):
        if not path.name.startswith("__editable__"):
            (links / path.name).symlink_to(path)
    (own / "poetry.pth").write_text(f"{links}\n")
    script = folder / "venv" / "bin" / "poetry"
    python = script.with_name("python")
    script.write_text(
        f"#!{python}\nfrom poetry.console.application import main\nraise SystemExit(main())\n"
    )
    script.chmod(0o755)
    return script


def stock(index: IndexServer, wheel: Path) -> None:
    """Put onto ``index`` what a Poetry looks for when it installs into itself: stand-ins, without
    content, of all that it has already; and for real, the plugin and what only the plugin needs.
    """
    index.add(wheel.name, wheel.read_bytes())
    for name in ONLY_OURS:
        index.add(*packages.installed_wheel(name))
    for found in distributions(path=[str(real_packages())]):
        name = packages.normalize(found.metadata["Name"])
        if name not in (OWN, *ONLY_OURS):
            extras = "".join(
                f"Provides-Extra: {extra}\n"
                for extra in found.metadata.get_all("Provides-Extra") or ()
            )
            index.add(*packages.wheel(name, found.version, _requires(found), metadata_extra=extras))


def _requires(found: Distribution) -> Iterator[str]:
    """What it requires on this machine; Poetry would look for other platforms' requirements as
    well.
    """
    for text in found.requires or ():
        marker = Requirement(text).marker
        if marker is None or "extra" in str(marker) or marker.evaluate():
            yield text


def _project(path: Path) -> str:
    return packages.normalize(path.name.split("-")[0].removesuffix(".dist-info"))
