"""The login that users of poetry-plugin-pypi-mirror have stored, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.credentials.base import Credential, NotMine, Purpose, Query
from poetry_repo_plugin.credentials.mirror_login import MirrorLoginSource
from tests.credentials.contract import MARK, NAME, URL, SourceContract

LOGIN = f'[http-basic.{{}}]\nusername = "me"\npassword = "{MARK}"\n'
OWN = f'[repositories.{NAME}]\nurl = "{URL}"\n'


def source(folder: Path, key: str = "PyPI", mirror: str = URL) -> MirrorLoginSource:
    (folder / "poetry-repo-plugin.toml").write_text(OWN)
    (folder / "auth.toml").write_text(LOGIN.format(key))
    environ = {"POETRY_PYPI_MIRROR_URL": mirror} if mirror else {}
    return MirrorLoginSource(Settings(folder, environ=environ))


class TestContract(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> MirrorLoginSource:
        return source(tmp_path)


def test_what_is_for_uploads_to_pypi_stays_there(tmp_path: Path) -> None:
    assert source(tmp_path, "pypi").get(Query(NAME, URL)) == NotMine()


def test_only_the_mirror_s_index_gets_it(tmp_path: Path) -> None:
    mine = source(tmp_path)
    assert mine.get(Query(NAME, "https://packages.example.com/other/")) == NotMine()
    assert mine.get(Query("pypi", URL)) == NotMine()
    assert mine.get(Query(NAME, URL, Purpose.PUBLISH)) == NotMine()
    beside = mine.get(Query(NAME, URL.replace("simple", "files")))
    assert isinstance(beside, Credential)


def test_twin_a_repository_that_is_no_mirror(tmp_path: Path) -> None:
    assert source(tmp_path, mirror="").get(Query(NAME, URL)) == NotMine()
