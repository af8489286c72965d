"""Whose repository a URL belongs to, and what a request to it may carry."""

from __future__ import annotations

import pytest

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.core.origin import InvalidUrl
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import EVERYTHING, FIRST_REQUEST, Purpose
from tests.config.saving import saving
from tests.http.world import EVIL, INDEX, MARK, World, secret, whose


class TestWhose:
    def test_whole_segments_decide_between_repositories_of_a_host(self, world: World) -> None:
        world.sources(
            **{
                "a": INDEX,
                "ab": "https://host.example/team-ab/simple/",
                "deep": "https://host.example/team-a/deep/simple/",
                "other-port": "https://host.example:8443/team-a/simple/",
            }
        )
        access = world.access()
        for url, name in {
            INDEX: "a",
            "https://host.example/team-a/files/x.whl": "a",
            "https://HOST.example.:443/team-a/simple/x/": "a",
            "https://host.example/team-ab/simple/x/": "ab",
            "https://host.example/team-abc/simple/x/": None,
            "https://host.example/team-a/deep/files/x.whl": "deep",
            "https://host.example/team-a/deeper/files/x.whl": "a",
            "https://host.example/team-a/../team-ab/x": None,
            "https://host.example:8443/team-a/simple/": "other-port",
            "https://host.example/": None,
            "http://host.example/team-a/simple/": None,
            "https://unknown.example/team-a/simple/": None,
        }.items():
            assert whose(access.matcher.grant_for(url)) == name, url

    def test_each_gets_its_own_credential_and_strangers_get_none(self, world: World) -> None:
        world.sources(a=INDEX, ab="https://host.example/team-ab/simple/")
        world.login("a", INDEX, secret="of a")
        world.login("ab", "https://host.example/team-ab/simple/", secret="of ab")
        access = world.access()
        for allowed in (FIRST_REQUEST, EVERYTHING):
            assert secret(access, "https://host.example/team-a/x.whl", allowed) == "of a"
            assert secret(access, "https://host.example/team-ab/x.whl", allowed) == "of ab"
            for url in (
                "https://host.example/team-abc/x.whl",
                "https://host.example/",
                "https://host.example/team-c/",
            ):
                assert secret(access, url, allowed) is None
            assert secret(access, "http://host.example/team-a/simple/", allowed) is None
            assert secret(access, "https://unknown.example/team-a/simple/", allowed) is None

    def test_a_direct_url_beside_the_only_repository_of_a_host_carries_no_credential_of_its_name(
        self, world: World
    ) -> None:
        """Strangers may share the host: a package can require a file of theirs."""
        world.sources(a=INDEX)
        world.environ["POETRY_HTTP_BASIC_A_PASSWORD"] = MARK
        world.login("a")
        assert secret(world.access(), "https://host.example/stranger/x.whl") is None
        world.login("a", INDEX)
        assert secret(world.access(), "https://host.example/stranger/x.whl") is None

    def test_files_that_the_index_links_to_are_its_own(self, world: World) -> None:
        """GitLab's group index links to the projects' paths."""
        file = "https://host.example/projects/7/files/x.whl"
        world.sources(a=INDEX)
        world.login("a", INDEX)
        access = world.access()
        access.matcher.add_link("a", file)
        assert whose(access.matcher.grant_for(file)) == "a"
        assert secret(access, file) == MARK
        assert secret(access, "https://host.example/projects/8/files/x.whl", owner="a") == MARK

    def test_files_on_another_host_get_nothing_unless_it_was_bound(self, world: World) -> None:
        files = "https://files.example/x.whl"
        world.sources(a=INDEX)
        world.login("a", INDEX)
        access = world.access()
        access.matcher.add_link("a", files)
        assert whose(access.matcher.grant_for(files)) is not None, "for the words of an error"
        assert secret(access, files) is None
        assert access.matcher.grant_for(files).identify is False
        world.bindings.record("a", Kind.CREDENTIAL, ["https://files.example/"])
        access = world.access()
        access.matcher.add_link("a", files)
        assert secret(access, files) == MARK
        assert secret(access, "https://files.example.evil.example/x.whl", owner="a") is None

    def test_files_that_another_index_links_to_are_not(self, world: World) -> None:
        """Strangers may share the host of ``a``, and the index of ``evil`` may link to them."""
        file = "https://host.example/projects/7/files/x.whl"
        world.sources(a=INDEX, evil=EVIL)
        world.login("a", INDEX)
        world.environ["POETRY_HTTP_BASIC_A_PASSWORD"] = MARK
        access = world.access()
        access.matcher.add_link("evil", file)
        assert secret(access, file) is None
        assert secret(access, file, owner="evil") is None
        assert secret(access, file, owner="A") == MARK

    def test_nor_what_lies_below_an_upload_url_that_only_the_project_names(
        self, world: World
    ) -> None:
        world.sources(
            '[tool.poetry-repo-plugin.a]\npublish-url = "https://host.example/stranger/"\n', a=INDEX
        )
        world.login("a", INDEX)
        assert secret(world.access(), "https://host.example/stranger/x.whl") is None
        saving(world.settings).save_publish_url("a", "https://host.example/stranger/")
        world.login("a", INDEX, "https://host.example/stranger/")
        assert secret(world.access(), "https://host.example/stranger/x.whl") == MARK

    def test_a_link_of_a_hostile_index_earns_it_nothing(self, world: World) -> None:
        """It may point to another's file, but what is sent goes there, not to the index; and not to
        its other hosts.
        """
        world.sources(a=INDEX, evil=EVIL)
        world.login("a", INDEX)
        access = world.access()
        access.matcher.add_link("evil", "https://host.example/team-a/x.whl")
        access.matcher.add_link("evil", "https://evil.example/x.whl")
        assert secret(access, "https://evil.example/x.whl") is None
        assert secret(access, EVIL, owner="a") is None
        assert secret(access, "https://evil.example/x.whl", owner="a") is None

    def test_what_poetry_itself_built_outranks_what_we_read(self, world: World) -> None:
        world.sources(a="https://old.example/simple/")
        access = world.access()
        assert whose(access.matcher.grant_for(INDEX)) is None
        access.matcher.add_live("a", INDEX)
        assert whose(access.matcher.grant_for(INDEX)) == "a"
        assert whose(access.matcher.grant_for("https://old.example/simple/")) is None

    def test_what_is_no_url_is_nobody_s(self, world: World) -> None:
        world.sources(a="https://[", b="nonsense", c="https://a\\\\@host.example/")
        access = world.access()
        for url in ("https://[", "nonsense", "https://a\\@host.example/"):
            with pytest.raises(InvalidUrl):
                access.matcher.grant_for(url)
        assert whose(access.matcher.grant_for(INDEX)) is None

    def test_a_variable_with_nonsense_breaks_nothing(self, world: World) -> None:
        world.sources(a=INDEX)
        world.environ["POETRY_REPOSITORIES_A_URL"] = f"https://u:{MARK}\u2100@[bad"
        world.environ["POETRY_REPOSITORIES_B_URL"] = "https://["
        access = world.access()
        assert whose(access.matcher.grant_for(INDEX)) == "a"
        for repository in access.catalogue:
            assert MARK not in f"{repository} {repository.urls}"


class TestPyPI:
    def test_its_token_is_for_uploads(self, world: World) -> None:
        saving(world.settings).save_token("pypi", Secret(MARK))
        access = world.access()
        assert secret(access, "https://index.example/simple/x/") is None
        assert (
            secret(access, "https://upload.example/legacy/", purpose=Purpose.PUBLISH, owner="pypi")
            == MARK
        )

    def test_a_project_does_not_say_where_it_takes_uploads(self, world: World) -> None:
        text = '[repositories.pypi]\nurl = "https://evil.example/"\n'
        (world.project / "poetry.toml").write_text(text, encoding="utf-8")
        assert world.access().catalogue.get("pypi").publish_url == "https://upload.example/legacy/"
        assert world.settings.poetry_toml.ignored() == [
            "poetry.toml sets an upload URL for PyPI; a project cannot do that. It is ignored."
        ]
        saving(world.settings).save_publish_url("pypi", "https://mirror.example/")
        assert world.access().catalogue.get("pypi").publish_url == "https://mirror.example/", (
            "a user can"
        )

    def test_a_source_that_calls_itself_pypi_does_not_get_it(self, world: World) -> None:
        saving(world.settings).save_token("pypi", Secret(MARK))
        world.sources(PyPI=EVIL)
        for name in ("pypi", "PyPI", "PYPI"):
            assert secret(world.access(), EVIL, owner=name) is None
