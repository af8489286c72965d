"""What a request may carry: whose repository a URL belongs to, and what follows. With real settings
and projects.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import pytest

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure, InputError, UnknownNameError
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import EVERYTHING, FIRST_REQUEST, Credential, Need, Purpose
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.passphrase import find_passphrase
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.http.refusals import Reply
from tests.config.saving import saving
from tests.credentials.contract import printed_at_vvv
from tests.http.world import EVIL, INDEX, MARK, World, secret, whose


def after(
    access: Access, grant: Grant, status: int, *tried: Credential, url: str = ""
) -> Credential | None:
    """What is tried next when all of ``tried`` were refused; nothing where there was nothing to
    try.
    """
    flow = access.flow(grant, url)
    attempt = next(flow)
    for sent in tried or (None,):
        try:
            attempt = flow.send(Reply(status, sent))
        except StopIteration:
            return None
    return attempt.find()


def refused(
    access: Access, url: str, status: int = 401, *tried: Credential, **where: object
) -> Failure:
    grant = access.matcher.grant_for(url, **where)  # type: ignore[arg-type]
    with pytest.raises(Failure) as caught:
        after(access, grant, status, *tried, url=url)
    assert MARK not in "".join(caught.value.lines()) + printed_at_vvv(caught.value)
    return caught.value


class TestLookUps:
    """Thousands of URLs are looked up in a run: each is taken apart once, and the repositories' own
    are not again.
    """

    def test_a_new_url_is_parsed_once_and_a_known_one_never(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.sources(a=INDEX, b="https://other.example/simple/")
        world.login("a", INDEX)
        access = world.access()
        access.matcher.grant_for(f"{INDEX}first/")
        parsed: list[str] = []

        def counting(url: str) -> SplitResult:
            parsed.append(url)
            return urlsplit(url)

        monkeypatch.setattr("poetry_repo_plugin.core.origin.urlsplit", counting)
        urls = [f"https://host.example/team-a/files/lib-{number}.whl" for number in range(50)]
        for url in urls * 3:
            assert whose(access.matcher.grant_for(f"{url}#sha256=0f")) == "a"
        assert parsed == urls

    def test_a_request_reads_neither_the_environment_nor_the_catalogue_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading the environment anew took a millisecond of each request."""
        world.sources(a=INDEX)
        access = world.access()

        def request(number: int) -> None:
            grant = access.matcher.grant_for(f"{INDEX}lib-{number}/", owner="a")
            access.tls.context(grant)
            access.credential(grant, FIRST_REQUEST)
            access.succeeded(grant, None)

        request(1)
        monkeypatch.setattr(
            Catalogue, "names", lambda self: pytest.fail("the catalogue is read again")
        )
        for number in range(2, 5):
            request(number)

    def test_what_a_repository_owns_is_worked_out_once(self) -> None:
        one = Repository("a", INDEX, EVIL)
        assert one.prefixes is one.prefixes
        assert one.download_prefixes is one.download_prefixes
        other = replace(one, publish_url=None)
        assert [str(prefix) for prefix in other.prefixes] == ["https://host.example/team-a"]


class TestWithheld:
    def test_a_project_that_reuses_the_name_gets_nothing_and_that_is_said_once(
        self, world: World
    ) -> None:
        world.sources(corp=EVIL)
        world.login("corp", INDEX)
        world.backend.entries["poetry-repository-corp", "me"] = MARK
        access = world.access()
        for allowed in (FIRST_REQUEST, EVERYTHING):
            for url in (EVIL, f"{EVIL}x/", "https://evil.example/team-a/x.whl"):
                assert secret(access, url, allowed) is None
                assert secret(access, url, allowed, owner="corp") is None
        assert world.said == [
            "Repository corp: the stored credential belongs to https://host.example/team-a "
            f"and is not sent to {EVIL}. To allow that: poetry repo login corp --url {EVIL}"
        ]
        failure = refused(access, EVIL)
        assert failure.cause is Cause.ORIGIN_MISMATCH
        assert failure.hint == f"poetry repo login corp --url {EVIL}"
        assert "https://host.example/team-a" in failure.message

    @pytest.mark.parametrize(
        "url",
        [
            *("http://host.example/team-a/simple/", "https://host.example:8443/team-a/simple/"),
            *(
                "https://host.example/team-ab/simple/",
                "https://host.example/simple/",
                "https://host.example/team-a/../b/",
            ),
        ],
    )
    def test_nor_at_another_scheme_port_or_path(self, world: World, url: str) -> None:
        world.sources(corp=url)
        world.login("corp", INDEX)
        assert secret(world.access(), url, owner="corp") is None
        assert secret(world.access(), url) is None
        assert len(set(world.said)) == 1

    def test_a_project_s_publish_url_does_not_widen_it(self, world: World) -> None:
        world.sources(
            '[tool.poetry-repo-plugin.corp]\npublish-url = "https://evil.example/upload/"\n',
            corp=INDEX,
        )
        (world.project / "poetry.toml").write_text(
            '[repositories.other]\nurl = "https://evil.example/"\n', encoding="utf-8"
        )
        world.login("corp", INDEX)
        world.login("other", "https://other.example/")
        access = world.access()
        assert secret(access, INDEX) == MARK
        assert (
            secret(access, "https://evil.example/upload/", purpose=Purpose.PUBLISH, owner="corp")
            is None
        )
        assert (
            secret(access, "https://evil.example/", purpose=Purpose.PUBLISH, owner="other") is None
        )

    def test_a_hostile_name_and_url_cannot_be_pasted_into_a_shell(self, world: World) -> None:
        name, url = "x;touch pwned #\u001b[2J", "https://evil.example/$(touch${IFS}pwned)/simple/"
        world.sources(**{name.replace("\u001b", "\\u001b"): url})
        world.login(name, INDEX)
        access = world.access()
        assert secret(access, url, owner=name) is None
        [line] = world.said
        assert line.isprintable()
        command = line.partition("To allow that: ")[2]
        assert len(shlex.split(command)) == 6
        assert unquote(shlex.split(command)[-1]) == url
        failure = refused(access, url)
        assert all(line.isprintable() for line in failure.lines())
        assert failure.hint is not None
        *words, last = shlex.split(failure.hint)
        assert (words, unquote(last)) == (["poetry", "repo", "login", "NAME", "--url"], url)

    def test_after_a_login_for_it_it_is_sent(self, world: World) -> None:
        world.sources(corp=EVIL)
        world.login("corp", INDEX)
        world.bindings.record("corp", Kind.CREDENTIAL, [EVIL])
        assert secret(world.access(), EVIL) == MARK
        assert world.said == []


class TestRedirects:
    @pytest.mark.parametrize("where", [INDEX, "https://files.example/x", EVIL])
    def test_where_another_origin_led_nothing_secret_travels(
        self, world: World, where: str
    ) -> None:
        """Also back to where it came from, and whoever the request is for."""
        world.sources(corp=INDEX)
        world.environ["POETRY_HTTP_BASIC_CORP_PASSWORD"] = MARK
        world.netrc.write_text(f"default login me password {MARK}\n", encoding="utf-8")
        world.backend.entries = {
            ("files.example", "me"): MARK,
            ("evil.example", "me"): MARK,
            ("host.example", "me"): MARK,
        }
        access = world.access()
        given = Credential(Secret(MARK), "me", "option", "the command line")
        for owner in (None, "corp"):
            for purpose in Purpose:
                grant = access.matcher.grant_for(
                    where, owner=owner, purpose=purpose, led_away=True, given=given
                )
                assert access.credential(grant, EVERYTHING) is None
                assert grant.identify is False


class TestGit:
    def test_exactly_the_configured_url_and_no_other(self, world: World) -> None:
        saving(world.settings).save_publish_url("lib", "https://git.example/team/lib.git")
        world.sources(corp="https://git.example/simple/")
        world.login("lib")
        world.login("corp")
        access = world.access()
        for url in (
            "https://git.example/team/lib.git",
            "https://git.example/team/lib",
            "https://GIT.example:443/team/lib.git/",
        ):
            assert secret(access, url, purpose=Purpose.GIT) == MARK
        for url in (
            *(
                "https://git.example/team/lib2.git",
                "https://git.example/team",
                "https://git.example/other.git",
            ),
            *(
                "http://git.example/team/lib.git",
                "https://git.example:8443/team/lib.git",
                "https://evil.example/team/lib.git",
            ),
            *(
                "https://git.example/team/lib.git/../evil.git",
                "https://git.example/team/lib.git/deeper",
            ),
        ):
            assert secret(access, url, purpose=Purpose.GIT) is None, url
            assert secret(access, url, purpose=Purpose.GIT, owner="lib") is None, url

    def test_a_binding_holds_for_git_as_well(self, world: World) -> None:
        saving(world.settings).save_publish_url("lib", "https://evil.example/team/lib.git")
        world.login("lib", "https://git.example/team/lib.git")
        assert (
            secret(world.access(), "https://evil.example/team/lib.git", purpose=Purpose.GIT) is None
        )


class TestPlainHttp:
    @pytest.mark.parametrize("source", ["netrc", "keyring"])
    def test_what_names_no_scheme_does_not_go_over_http_where_the_host_is_known_for_https(
        self, world: World, source: str
    ) -> None:
        """A project needs only to say http, and somebody on the way to listen."""
        if source == "netrc":
            world.netrc.write_text(
                f"machine host.example login me password {MARK}\n", encoding="utf-8"
            )
        else:
            world.backend.entries["host.example", "me"] = MARK
        world.sources(corp=INDEX)
        assert secret(world.access(), INDEX) == MARK
        for url in ("http://host.example/team-a/simple/", "http://host.example:8080/team-a/"):
            for allowed in (FIRST_REQUEST, EVERYTHING):
                assert secret(world.access(), url, allowed) is None
                assert secret(world.access(), url, allowed, owner="corp") is None


class TestPrecedence:
    """DESIGN section 5, with every source there is on this machine."""

    def test_who_wins(self, world: World) -> None:
        world.sources(corp=INDEX.replace("https://", "https://me:url@"))
        world.netrc.write_text("machine host.example login me password netrc\n", encoding="utf-8")
        world.backend.entries = {("host.example", "me"): "keyring by host"}

        def sent(allowed: Need = EVERYTHING) -> str | None:
            return secret(world.access(), INDEX, allowed)

        takes: list[tuple[str, Callable[[], object]]] = [
            ("url", lambda: world.sources(corp=INDEX)),
            ("env", lambda: world.environ.pop("POETRY_HTTP_BASIC_CORP_PASSWORD")),
            ("stored", lambda: saving(world.settings).forget_login("corp")),
            ("keyring", lambda: world.backend.entries.pop(("poetry-repository-corp", "__token__"))),
            ("keyring by url", lambda: world.backend.entries.pop((INDEX, "me"))),
            ("keyring by host", lambda: world.backend.entries.clear()),
            ("netrc", lambda: world.netrc.unlink()),
        ]
        world.environ["POETRY_HTTP_BASIC_CORP_USERNAME"] = "me"
        world.environ["POETRY_HTTP_BASIC_CORP_PASSWORD"] = "env"
        saving(world.settings).save_login("corp", "me", Secret("stored"))
        world.backend.entries[INDEX, "me"] = "keyring by url"
        world.backend.entries["poetry-repository-corp", "__token__"] = "keyring"
        for winner, take_away in takes:
            if winner in ("keyring", "keyring by url"):
                world.environ.pop("POETRY_HTTP_BASIC_CORP_USERNAME", None)
            assert sent() == winner
            take_away()
        assert sent() is None

    def test_a_first_look_and_a_thorough_one_send_the_same_where_both_send(
        self, world: World
    ) -> None:
        world.sources(corp=INDEX)
        world.netrc.write_text("machine host.example login me password netrc\n", encoding="utf-8")
        world.backend.entries = {(INDEX, "me"): "keyring"}
        assert (
            secret(world.access(), INDEX, FIRST_REQUEST)
            == secret(world.access(), INDEX)
            == "keyring"
        )

    def test_what_was_given_for_this_command_wins(self, world: World) -> None:
        world.sources(corp=INDEX)
        world.login("corp", INDEX)
        given = Credential(Secret("given"), "me", "option", "the command line")
        assert secret(world.access(), INDEX, given=given) == "given"

    def test_the_url_s_user_gets_no_other_user_s_password(self, world: World) -> None:
        world.sources(corp=INDEX.replace("https://", "https://you@"))
        world.login("corp", INDEX)
        assert secret(world.access(), INDEX) is None


class TestKeyring:
    def test_environment_files_and_open_indexes_touch_none(self, world: World) -> None:
        world.sources(
            env=INDEX, file="https://file.example/simple/", open="https://open.example/simple/"
        )
        world.environ["POETRY_HTTP_BASIC_ENV_PASSWORD"] = "env"
        world.login("file", secret="file")
        access = world.access()
        assert secret(access, INDEX) == "env"
        assert secret(access, "https://file.example/simple/") == "file"
        assert secret(access, "https://open.example/simple/x/", FIRST_REQUEST) is None
        assert secret(access, "https://unmanaged.example/x.whl", FIRST_REQUEST) is None
        assert world.backend.calls == []

    def test_the_budget(self, world: World) -> None:
        """At most one call for a repository, its URL (with a slash at the end, and without) and its
        host.
        """
        world.sources(corp=INDEX)
        access = world.access()
        urls = [f"https://host.example/team-a/files/{n}.whl" for n in range(30)]
        urls += [f"https://files{n % 2}.example/{n}.whl" for n in range(200)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda url: secret(access, url), urls))
        assert len(world.backend.calls) == len(set(world.backend.calls)) == 4 + 2


class TestRefusals:
    def test_nothing_to_send(self, world: World) -> None:
        world.sources(corp=INDEX)
        failure = refused(world.access(), INDEX)
        assert failure.cause is Cause.CREDENTIAL_MISSING
        assert failure.hint == "poetry repo login corp"

    @pytest.mark.parametrize("status", [401, 403])
    def test_what_was_sent_and_refused(self, world: World, status: int) -> None:
        world.sources(corp=INDEX)
        world.login("corp", INDEX)
        access = world.access()
        sent = access.credential(access.matcher.grant_for(INDEX), FIRST_REQUEST)
        assert sent is not None
        failure = refused(access, INDEX, status, sent)
        assert failure.cause is Cause.CREDENTIAL_REJECTED
        assert "auth.toml" in failure.message

    def test_half_of_a_pair_in_the_environment_is_pointed_out(self, world: World) -> None:
        world.sources(corp=INDEX)
        world.environ["POETRY_HTTP_BASIC_CORP_USERNAME"] = MARK
        access = world.access()
        sent = access.credential(access.matcher.grant_for(INDEX), FIRST_REQUEST)
        assert sent is not None
        assert (sent.username, sent.secret.reveal()) == (MARK, ""), "a token may be the user"
        failure = refused(access, INDEX, 401, sent)
        assert "POETRY_HTTP_BASIC_CORP_PASSWORD" in failure.message
        assert failure.hint == "export POETRY_HTTP_BASIC_CORP_PASSWORD=PASSWORD"
        assert MARK not in failure.message

    def test_a_thorough_look_follows(self, world: World) -> None:
        world.sources(corp=INDEX)
        world.backend.entries["poetry-repository-corp", "__token__"] = "t"
        access = world.access()
        grant = access.matcher.grant_for(INDEX)
        assert access.credential(grant, FIRST_REQUEST) is None
        found = after(access, grant, 401)
        assert found is not None
        assert found.secret == Secret("t")

    @pytest.mark.parametrize("who", ["user", "project"])
    def test_a_code_that_was_declared_harmless_is_handed_on(self, world: World, who: str) -> None:
        project = (
            "[tool.poetry-repo-plugin.corp]\nignore-error-codes = [403]\n"
            if who == "project"
            else ""
        )
        world.sources(project, corp=INDEX, other="https://other.example/simple/")
        if who == "user":
            saving(world.settings).save_user_settings("corp", {"ignore-error-codes": [403]})
        access = world.access()
        assert after(access, access.matcher.grant_for(INDEX), 403) is None
        assert refused(access, INDEX, 401).cause is Cause.CREDENTIAL_MISSING
        assert refused(access, "https://other.example/simple/", 403).repository == "other"

    def test_a_stranger_s_refusal_is_its_own_affair(self, world: World) -> None:
        access = world.access()
        assert after(access, access.matcher.grant_for("https://unknown.example/x"), 401) is None

    def test_which_statuses_mean_it(self, world: World) -> None:
        world.sources(corp=INDEX)
        access = world.access()
        for url in (INDEX, "https://unknown.example/"):
            grant = access.matcher.grant_for(url)
            assert [code for code in range(100, 600) if access.means_refusal(grant, code)] == [
                401,
                403,
            ]


class TestFirstSuccess:
    """What was stored before the plugin came is bound where it first works."""

    def succeed(self, access: Access, url: str, allowed: Need = EVERYTHING) -> None:
        grant = access.matcher.grant_for(url)
        access.succeeded(grant, access.credential(grant, allowed))

    def test_a_password_in_auth_toml(self, world: World) -> None:
        world.sources(corp=INDEX)
        world.login("corp")
        self.succeed(world.access(), INDEX)
        assert list(map(str, world.bindings.of("corp", Kind.CREDENTIAL))) == [
            "https://host.example/team-a"
        ]
        world.sources(corp=EVIL)
        assert secret(world.access(), EVIL) is None

    def test_one_in_the_keyring_after_pages_that_are_open_to_all(self, world: World) -> None:
        """Some servers show the index to everyone and want a login for the files."""
        world.sources(corp=INDEX)
        world.backend.entries["poetry-repository-corp", "__token__"] = MARK
        access = world.access()
        self.succeed(access, INDEX, FIRST_REQUEST)
        assert world.bindings.of("corp", Kind.CREDENTIAL) == []
        self.succeed(access, "https://host.example/team-a/x.whl")
        assert list(map(str, world.bindings.of("corp", Kind.CREDENTIAL))) == [
            "https://host.example/team-a"
        ]

    def test_where_the_user_has_put_the_name_is_bound_and_what_a_project_says_is_not(
        self, world: World
    ) -> None:
        saving(world.settings).save_user_settings("one", {"url": INDEX})
        world.sources(
            '[tool.poetry-repo-plugin.two]\npublish-url = "https://evil.example/"\n',
            one=INDEX,
            two="https://two.example/",
        )
        saving(world.settings).save_publish_url("one", "https://upload.example/one/")
        for name, url in (("one", INDEX), ("two", "https://two.example/")):
            world.login(name)
            self.succeed(world.access(), url)
        assert list(map(str, world.bindings.of("one", Kind.CREDENTIAL))) == [
            "https://host.example/team-a",
            "https://upload.example/one",
        ]
        assert list(map(str, world.bindings.of("two", Kind.CREDENTIAL))) == ["https://two.example"]

    def test_a_credential_goes_nowhere_else_where_the_user_has_put_the_name(
        self, world: World
    ) -> None:
        """It was stored before the plugin came; ``poetry config repositories.corp`` says whose it
        is.
        """
        saving(world.settings).save_publish_url("corp", "https://upload.example/corp/")
        world.sources(corp=INDEX)
        world.login("corp")
        access = world.access()
        assert secret(access, INDEX) is None
        assert world.bindings.of("corp", Kind.CREDENTIAL) == []
        upload = "https://upload.example/corp/"
        assert secret(access, upload, owner="corp", purpose=Purpose.PUBLISH) == MARK

    def test_a_publish_url_that_is_none_does_not_break_a_request_that_went_well(
        self, world: World
    ) -> None:
        world.sources(corp=INDEX)
        saving(world.settings).save_publish_url("corp", "not a URL")
        world.login("corp")
        self.succeed(world.access(), INDEX)
        assert list(map(str, world.bindings.of("corp", Kind.CREDENTIAL))) == [
            "https://host.example/team-a"
        ]

    @pytest.mark.parametrize("source", ["env", "netrc"])
    def test_what_is_not_stored_is_not_bound(self, world: World, source: str) -> None:
        world.sources(corp=INDEX)
        if source == "env":
            world.environ["POETRY_HTTP_BASIC_CORP_PASSWORD"] = MARK
        else:
            world.netrc.write_text("machine host.example login me password pw\n", encoding="utf-8")
        access = world.access()
        assert secret(access, INDEX) is not None
        self.succeed(access, INDEX)
        assert world.bindings.of("corp", Kind.CREDENTIAL) == []
        assert not world.settings.own_file.exists()

    def test_a_client_certificate(self, world: World) -> None:
        world.sources(corp=INDEX)
        saving(world.settings).save_certificates("corp", {"client-cert": "/client.pem"})
        access = world.access()
        assert access.matcher.grant_for(INDEX).identify
        self.succeed(access, INDEX)
        assert list(map(str, world.bindings.of("corp", Kind.CERTIFICATE))) == [
            "https://host.example/team-a"
        ]
        assert world.bindings.of("corp", Kind.CREDENTIAL) == []

    def test_a_client_certificate_is_not_bound_to_plain_http(self, world: World) -> None:
        world.sources(corp=INDEX.replace("https", "http"))
        saving(world.settings).save_certificates("corp", {"client-cert": "/client.pem"})
        self.succeed(world.access(), INDEX.replace("https", "http"))
        assert world.bindings.of("corp", Kind.CERTIFICATE) == []

    def test_a_folder_that_cannot_be_written_does_not_stop_a_run(self, world: World) -> None:
        world.sources(corp=INDEX)
        world.login("corp")
        access = world.access()
        assert secret(access, INDEX) == MARK
        world.settings.auth_file.unlink()
        for left in world.user.iterdir():
            left.unlink()
        world.user.rmdir()
        world.user.write_text("", encoding="utf-8")
        self.succeed(access, INDEX)


def test_the_passphrase_and_where_it_is_looked_for(world: World) -> None:
    saving(world.settings).save_passphrase("corp", Secret("file"))
    gate = KeyringGate(enabled=lambda: True)
    assert find_passphrase(world.settings, gate, "corp") == Secret("file")
    world.environ["POETRY_CERTIFICATES_CORP_PASSPHRASE"] = "env"
    assert find_passphrase(world.settings, gate, "corp") == Secret("env")
    del world.environ["POETRY_CERTIFICATES_CORP_PASSPHRASE"]
    saving(world.settings).save_passphrase("corp", None)
    assert find_passphrase(world.settings, gate, "corp") is None
    assert world.backend.calls == [], "the keyring is asked only for what was put there"


def test_a_request_of_nobody_carries_what_was_given_and_nothing_else(world: World) -> None:
    access = world.access()
    grant = access.matcher.grant_for("https://unknown.example/x.whl")
    given = Credential(Secret("given"), "me", "url", "the URL itself")
    assert access.credential(grant._replace(given=given, query=None), EVERYTHING) == given
    assert access.credential(grant._replace(given=None, query=None), EVERYTHING) is None


class TestWhatALoginIsBoundTo:
    """A project's file cannot widen where a credential goes, also not at the moment of the
    login.
    """

    def test_the_publish_url_of_a_project_s_file_is_not_among_it(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text(
            '[[tool.poetry.source]]\nname = "corp"\nurl = "https://corp.example.org/simple/"\n'
            '[tool.poetry-repo-plugin.corp]\npublish-url = "https://evil.example.net/upload/"\n'
        )
        settings = Settings(tmp_path / "config", tmp_path, environ={})
        corp = Catalogue(
            settings, read_project(tmp_path / "pyproject.toml"), Repository("pypi")
        ).get("corp")
        assert corp.publish_url == "https://evil.example.net/upload/"
        assert corp.bindable == ["https://corp.example.org/simple/"]

    def test_the_user_s_own_publish_url_is(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text(
            '[[tool.poetry.source]]\nname = "corp"\nurl = "https://corp.example.org/simple/"\n'
        )
        settings = Settings(tmp_path / "config", tmp_path, environ={})
        saving(settings).save_publish_url("corp", "https://upload.example.org/")
        corp = Catalogue(
            settings, read_project(tmp_path / "pyproject.toml"), Repository("pypi")
        ).get("corp")
        assert corp.bindable == ["https://corp.example.org/simple/", "https://upload.example.org/"]


class TestAnotherNameForTheSameUrl:
    """Plain Poetry looks a login up by URL, whatever the name."""

    def keep(self, world: World, **urls: str) -> None:
        for name, url in urls.items():
            saving(world.settings).save_publish_url(name, url)
            world.login(name, url, secret=f"{MARK}-{name}")

    @pytest.mark.parametrize("spelling", [INDEX, INDEX.rstrip("/"), INDEX.replace("host", "HOST")])
    def test_its_login_is_found_and_named(self, world: World, spelling: str) -> None:
        self.keep(world, acme=spelling)
        world.sources(company=INDEX)
        access = world.access()
        for allowed in (FIRST_REQUEST, EVERYTHING):
            sent = access.credential(access.matcher.grant_for(INDEX, owner="company"), allowed)
            assert sent is not None
            assert sent.secret.reveal() == f"{MARK}-acme"
            assert sent.detail.endswith(", as acme")

    def test_also_one_of_the_environment(self, world: World) -> None:
        world.environ.update(
            POETRY_REPOSITORIES_ACME_URL=INDEX,
            POETRY_HTTP_BASIC_ACME_USERNAME="me",
            POETRY_HTTP_BASIC_ACME_PASSWORD=MARK,
        )
        world.sources(company=INDEX)
        assert secret(world.access(), INDEX, owner="company") == MARK

    def test_its_own_goes_before_it(self, world: World) -> None:
        self.keep(world, acme=INDEX)
        world.login("company", INDEX, secret="own")
        world.sources(company=INDEX)
        assert secret(world.access(), INDEX, owner="company") == "own"

    def test_it_makes_no_home_of_a_name_that_a_project_has_chosen(self, world: World) -> None:
        """The next project may mean another index by that name, and its user must not be told that
        this is it.
        """
        self.keep(world, acme=INDEX)
        world.sources(company=INDEX)
        access = world.access()
        grant = access.matcher.grant_for(INDEX, owner="company")
        access.succeeded(grant, access.credential(grant, EVERYTHING))
        assert world.bindings.home("company").places == ()

    def test_twin_what_is_stored_under_the_name_itself_is_bound(self, world: World) -> None:
        world.login("company")
        world.sources(company=INDEX)
        access = world.access()
        grant = access.matcher.grant_for(INDEX, owner="company")
        access.succeeded(grant, access.credential(grant, EVERYTHING))
        assert world.bindings.home("company").places != ()

    @pytest.mark.parametrize(
        "url", [EVIL, INDEX.replace("team-a", "team-b"), INDEX.replace("https", "http")]
    )
    def test_twin_not_for_another_url(self, world: World, url: str) -> None:
        self.keep(world, acme=INDEX)
        world.sources(company=url)
        assert secret(world.access(), url, owner="company") is None

    def test_twin_not_because_a_project_says_so(self, world: World) -> None:
        world.login("acme", INDEX)
        text = f'[repositories.acme]\nurl = "{EVIL}"\n'
        (world.project / "poetry.toml").write_text(text, encoding="utf-8")
        world.sources(company=EVIL)
        assert secret(world.access(), EVIL, owner="company") is None

    def test_twin_two_logins_are_named_and_neither_is_sent(self, world: World) -> None:
        self.keep(world, acme=INDEX, other=INDEX)
        world.sources(company=INDEX)
        access = world.access()
        with pytest.raises(Failure) as caught:
            after(access, access.matcher.grant_for(INDEX, owner="company"), 401)
        assert "acme and other have the same URL and different logins" in caught.value.message
        assert caught.value.hint == "poetry repo login company"


class TestServerThatHides:
    """GitLab answers 404 to strangers: that is when what nothing points to is looked for."""

    URL = "https://gitlab.example/api/v4/projects/7/packages/pypi/simple"

    def answer(self, world: World, status: int = 404) -> Credential | None:
        world.sources(corp=self.URL)
        access = world.access()
        grant = access.matcher.grant_for(f"{self.URL}/lib/", owner="corp")
        assert access.credential(grant, FIRST_REQUEST) is None
        assert access.means_refusal(grant, status)
        return after(access, grant, status)

    def test_the_keyring_by_host_is_asked(self, world: World) -> None:
        world.backend.entries["gitlab.example", "me"] = MARK
        found = self.answer(world)
        assert found is not None
        assert found.source == "keyring-url"

    def test_and_the_default_of_a_netrc(self, world: World) -> None:
        world.netrc.write_text(f"default login me password {MARK}\n", encoding="utf-8")
        found = self.answer(world)
        assert found is not None
        assert found.source == "netrc"

    def test_twin_what_is_not_there_is_not_there(self, world: World) -> None:
        assert self.answer(world) is None
        world.login("corp", "https://other.example/")
        assert self.answer(world) is None, "a public project's page may be missing"

    def test_twin_a_server_that_does_not_hide_is_believed(self, world: World) -> None:
        world.sources(corp=INDEX)
        access = world.access()
        assert not access.means_refusal(access.matcher.grant_for(INDEX), 404)


class TestVariablesInAUrl:
    """Nothing expands them: they are neither sent nor taken for a login."""

    @pytest.mark.parametrize(
        "userinfo",
        ["${USER}:${PASS}", "me:${PASS}", "${FURY_TOKEN}", "${T}:", "__token__:$CI_JOB_TOKEN"],
    )
    def test_they_are_named_and_not_sent(self, world: World, userinfo: str) -> None:
        world.sources(corp=INDEX.replace("//", f"//{userinfo}@"))
        access = world.access()
        grant = access.matcher.grant_for(INDEX)
        assert access.credential(grant, FIRST_REQUEST) is None
        with pytest.raises(Failure) as caught:
            after(access, grant, 401)
        assert "variables are not expanded there" in caught.value.message
        assert caught.value.hint == "poetry repo login corp"

    def test_what_is_stored_is_used_in_their_place(self, world: World) -> None:
        world.sources(corp=INDEX.replace("//", "//${USER}:${PASS}@"))
        world.login("corp", INDEX)
        assert secret(world.access(), INDEX) == MARK

    @pytest.mark.parametrize("password", ["$ecret", "pa${ss", "${", "$PASSWORD", "a${B}c"])
    def test_twin_a_password_with_such_signs(self, world: World, password: str) -> None:
        world.sources(corp=INDEX.replace("//", f"//me:{password}@"))
        assert secret(world.access(), INDEX) == password

    def test_an_outdated_password_in_a_url_is_taken_out_of_it(self, world: World) -> None:
        """A login would change nothing: the URL goes before what is stored."""
        world.sources(corp=INDEX.replace("//", "//me:old@"))
        access = world.access()
        grant = access.matcher.grant_for(INDEX)
        sent = access.credential(grant, FIRST_REQUEST)
        assert sent is not None
        with pytest.raises(Failure) as caught:
            after(access, grant, 401, sent)
        assert caught.value.hint == f"poetry repo add corp {INDEX}"
        assert "old" not in caught.value.message


def test_a_variable_that_poetry_does_not_read_is_named(world: World) -> None:
    world.environ["POETRY_REPOSITORIES_BAZ"] = "https://baz.example/"
    world.sources(bar=INDEX)
    with pytest.raises(InputError) as caught:
        world.access().catalogue.require("baz")
    assert (
        "POETRY_REPOSITORIES_BAZ is set, but Poetry reads POETRY_REPOSITORIES_BAZ_URL"
        in caught.value.message
    )
    assert caught.value.hint == "export POETRY_REPOSITORIES_BAZ_URL=URL"
    with pytest.raises(UnknownNameError):
        world.access().catalogue.require("ba")
