"""What a release needs beside the tests.

    python scripts/release.py home URL     set the project's home, in pyproject.toml
    python scripts/release.py check [TAG]  version, changelog and home fit (and the tag)
    python scripts/release.py build        build dist/, with a README that a package index renders

A package index shows the README without the files beside it. So it is built from a copy of the
tracked files, in which the README's links and pictures are absolute.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "https://example.org/"

# A link of Markdown that leads to a file of this repository, not to an anchor or another host.
_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?![a-z]+:|#)[^)\s]+)\)")


def project(root: Path = ROOT) -> dict[str, Any]:
    """The table ``[project]``."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def with_home(text: str, home: str) -> str:
    """pyproject.toml with another home in ``[project.urls]``."""
    old = tomllib.loads(text)["project"]["urls"]["Homepage"]
    before, urls, after = re.split(r"(?ms)(^\[project\.urls\]\n.*?)(?=^\[)", text, maxsplit=1)
    return before + urls.replace(old, home.rstrip("/")) + after


def absolute(readme: str, home: str, version: str) -> str:
    """The README with links and pictures that work from anywhere, at the tag of ``version``."""

    def replace(found: re.Match[str]) -> str:
        kind = "raw" if found["picture"] else "blob"
        url = f"{home}/{kind}/v{version}/{found['target']}"
        return f"{found['picture']}[{found['text']}]({url})"

    return _LINK.sub(replace, readme)


def faults(tag: str | None = None) -> list[str]:
    """What is not ready for a release."""
    table, found = project(), []
    version = table["version"]
    module = (ROOT / "poetry_repo_plugin" / "__init__.py").read_text("utf-8")
    if f'__version__ = "{version}"' not in module:
        found.append(f"poetry_repo_plugin/__init__.py does not say {version}, pyproject.toml does.")
    if f"## [{version}]" not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        found.append(f"CHANGELOG.md has no section for {version}.")
    if table["urls"]["Homepage"].startswith(PLACEHOLDER):
        found.append("The project has no home: python scripts/release.py home URL")
    if tag is not None and tag != f"v{version}":
        found.append(f"The tag is {tag}, the version is {version}.")
    return found


def build(target: Path) -> list[str]:
    """Build sdist and wheel into ``target``; their file names."""
    from poetry.core.masonry import api

    table = project()
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, copy / name)
        readme = copy / "README.md"
        text = absolute(readme.read_text("utf-8"), table["urls"]["Homepage"], table["version"])
        readme.write_text(text, encoding="utf-8")
        target.mkdir(exist_ok=True)
        before = Path.cwd()
        os.chdir(copy)
        try:
            return [api.build_sdist(str(target)), api.build_wheel(str(target))]
        finally:
            os.chdir(before)


def main(words: list[str]) -> int:
    """Run one of the commands above."""
    match words:
        case ["home", url]:
            file = ROOT / "pyproject.toml"
            file.write_text(with_home(file.read_text("utf-8"), url), encoding="utf-8")
        case ["check", *tag] if len(tag) < 2:
            found = faults(*tag)
            print("\n".join(found) or "Ready.")
            return 1 if found else 0
        case ["build"]:
            print("\n".join(build(ROOT / "dist")))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
