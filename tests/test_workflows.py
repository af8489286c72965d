"""The workflows run nothing that somebody else can change later, and hold no token."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WORKFLOWS = sorted((Path(__file__).resolve().parents[1] / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))
def test_actions_are_pinned_and_rights_are_few(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    pinned = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [one for one in used if not pinned.fullmatch(one)] == []
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")
    assert "\npermissions:\n  contents: read\n\n" in text
    assert "secrets." not in text


def test_the_release_uses_the_plugin_itself() -> None:
    text = next(file for file in WORKFLOWS if file.name == "release.yml").read_text("utf-8")
    assert "id-token: write" in text
    assert "POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING: always" in text
    assert "python scripts/release.py build" in text
