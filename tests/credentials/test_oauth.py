"""The source ``oauth``: one renewal for all threads and processes, and a login that is not lost."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    BASIC,
    BEARER,
    EVERYTHING,
    FIRST_REQUEST,
    LISTING,
    Credential,
    Query,
    Resolution,
    Source,
)
from poetry_repo_plugin.credentials.keyring_services import SIGN_IN
from poetry_repo_plugin.credentials.oauth import OAuthSource, credential_for
from poetry_repo_plugin.credentials.oauth_store import SignedIn, parse_kept
from poetry_repo_plugin.http.auth import Access
from tests.certs import CertificateFactory, server_context
from tests.credentials.contract import MARK, NAME, URL, SourceContract
from tests.credentials.keyrings import FileKeyring, in_use
from tests.deadly import killed_at_each_step
from tests.http.world import World
from tests.servers.identity import ACCOUNT, CLIENT, Family, IdentityServer, refused

ADDRESS = SIGN_IN.address(NAME)


class User(World):
    """A user who has signed in.

    :param life: of the access token that they have, in seconds, which may have passed.
    """

    def __init__(self, folder: Path, issuer: IdentityServer, ca: Path) -> None:
        self.keyring = FileKeyring(folder / "user" / "keyring.json")
        super().__init__(folder, self.keyring)  # type: ignore[arg-type]  # it is only kept
        self.issuer = issuer
        self.user.mkdir(parents=True)
        own = {
            "url": URL,
            "credential-origins": [URL],
            "signed-in": "keyring",
            "oauth": {"issuer": issuer.issuer, "client-id": CLIENT},
        }
        document = {"repositories": {NAME: own}}
        (self.user / "poetry-repo-plugin.toml").write_text(tomlkit.dumps(document))
        certificates = {"certificates": {NAME: {"cert": str(ca)}}}
        (self.user / "config.toml").write_text(tomlkit.dumps(certificates))

    def has(self, *, life: float = -10.0, refresh: str = "r3fresh-0-secret", **more: Any) -> None:
        """Put a sign-in into the keyring, which the issuer knows."""
        self.issuer.families = [Family(refresh=refresh)]
        kept = SignedIn(
            self.issuer.issuer,
            CLIENT,
            f"{self.issuer.origin}/token",
            Secret("acc3ss-0-secret"),
            Secret(refresh),
            expires_at=datetime.now(timezone.utc) + timedelta(seconds=life),
            lifetime=3600.0,
            account=ACCOUNT,
        )
        text = kept._replace(**more).text().reveal()
        self.keyring._write({ADDRESS: text})

    @property
    def kept(self) -> SignedIn:
        found = parse_kept(Secret(self.keyring.entries[ADDRESS]))
        assert found is not None
        return found


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def issuer(certs: CertificateFactory) -> Iterator[IdentityServer]:
    with IdentityServer(tls=server_context(certs.server())) as server:
        yield server


@pytest.fixture
def user(quick_path: Path, issuer: IdentityServer, certs: CertificateFactory) -> Iterator[User]:
    found = User(quick_path, issuer, certs.ca_file())
    with in_use(found.keyring):
        yield found


def ask(access: Access, query: Query | None = None) -> Resolution:
    return access.chain.resolve(query or Query(NAME, URL))


def token(found: Resolution) -> str | None:
    return found.credential.secret.reveal() if found.credential is not None else None


class TestContract(SourceContract):
    @pytest.fixture
    def source(self, user: User) -> Source:
        user.has(life=600, access=Secret(f"{MARK}-access"), refresh=f"{MARK}-refresh")
        [source] = [one for one in user.access().chain.sources if isinstance(one, OAuthSource)]
        return source


class TestATokenThatIsGood:
    def test_is_handed_out_and_nobody_is_asked(self, user: User) -> None:
        user.has(life=600)
        for allowed in (LISTING, FIRST_REQUEST, EVERYTHING):
            found = ask(user.access(), Query(NAME, URL, allowed=allowed)).credential
            assert found is not None
            assert (found.scheme, found.source, found.account) == (BEARER, "oauth", ACCOUNT)
            assert found.secret == Secret("acc3ss-0-secret")
        assert user.issuer.requests == []

    def test_twin_for_another_origin(self, user: User) -> None:
        user.has(life=600)
        found = ask(user.access(), Query(NAME, "https://evil.example/private/simple/"))
        assert found.credential is None
        assert user.issuer.requests == []

    def test_twin_nobody_has_signed_in(self, user: User) -> None:
        (user.user / "poetry-repo-plugin.toml").unlink()
        user.has(life=600)
        assert ask(user.access()).credential is None

    @pytest.mark.parametrize(
        ("url", "username"),
        [
            ("https://gitlab.example.com/api/v4/projects/1/packages/pypi/simple", "oauth2"),
            ("https://europe-python.pkg.dev/p/r/simple/", "oauth2accesstoken"),
            ("https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple/", "VssSessionToken"),
            ("https://x.jfrog.io/artifactory/api/pypi/r/simple", ""),
            ("https://nexus.example.com/repository/pypi/simple", None),
        ],
    )
    def test_goes_as_the_server_wants_it(self, user: User, url: str, username: str | None) -> None:
        user.has()
        found = credential_for(user.kept, url, NAME)
        assert found.username == username
        assert found.scheme == (BEARER if username is None else BASIC)


class TestRenewal:
    def test_when_it_has_ended(self, user: User) -> None:
        user.has()
        listed = ask(user.access(), Query(NAME, URL, allowed=LISTING))
        assert listed.credential is not None
        assert not listed.credential.secret, "a listing renews nothing"
        assert user.issuer.requests == []
        assert token(ask(user.access())) == "acc3ss-1-secret"
        assert token(ask(user.access())) == "acc3ss-1-secret", "kept for the next command"
        assert user.kept.refresh == Secret("r3fresh-1-secret")
        assert [form["grant_type"] for form in user.issuer.forms("/token")] == ["refresh_token"]

    def test_when_it_was_refused_once_for_all_threads(self, user: User) -> None:
        user.has(life=600)
        access = user.access()
        refused_one = ask(access).credential
        assert refused_one is not None
        found: list[Any] = []
        threads = [
            threading.Thread(
                target=lambda: found.append(access.chain.renew(Query(NAME, URL), refused_one))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {token(one) for one in found} == {"acc3ss-1-secret"}
        assert user.issuer.refreshed == 1

    def test_a_client_secret_goes_the_way_that_the_issuer_wants(self, user: User) -> None:
        user.issuer.secret = "cl1ent-secret"
        user.has(client_secret=Secret("cl1ent-secret"))
        assert token(ask(user.access())) == "acc3ss-1-secret"
        user.has(client_secret=Secret("cl1ent+secret"), by_basic=True)
        ask(user.access())
        [seen] = user.issuer.authorizations()
        assert (seen.username, seen.password) == (CLIENT, "cl1ent%2Bsecret")

    def test_twin_the_issuer_has_ended_the_sign_in(self, user: User) -> None:
        user.has(refresh="r3fresh-0-secret")
        user.issuer.families.clear()
        for _ in range(2):
            broken = ask(user.access()).broken
            assert broken is not None
            assert broken.cause is Cause.CREDENTIAL_EXPIRED
            assert broken.hint == "poetry repo login corp"
            assert "invalid_grant: the refresh token is not good any more" in broken.why
            assert "stopped" not in broken.why
        assert len(user.issuer.forms("/token")) == 1, "nobody is asked twice with it"

    def test_twin_the_issuer_is_out_of_order(self, user: User) -> None:
        user.issuer.refuses = refused("temporarily_unavailable", status=503)
        user.has()
        broken = ask(user.access()).broken
        assert broken is not None
        assert broken.cause is Cause.SERVER_ERROR
        user.issuer.refuses = None
        assert token(ask(user.access())) == "acc3ss-1-secret"

    def test_twin_the_keyring_cannot_keep_it(self, user: User) -> None:
        user.has()

        def fail(service: str, username: str, password: str) -> None:
            raise RuntimeError("the disk is full")

        user.keyring.set_password = fail  # type: ignore[method-assign]
        assert token(ask(user.access())) == "acc3ss-1-secret", "this run goes on"
        assert "the new tokens cannot be kept" in " ".join(user.said)

    def test_in_auth_toml_as_well(self, user: User) -> None:
        user.has()
        text = user.keyring.entries[ADDRESS]
        user.keyring._write({})
        own = user.user / "poetry-repo-plugin.toml"
        own.write_text(own.read_text().replace('"keyring"', '"auth.toml"'))
        auth = {"http-basic": {NAME: {"oauth-tokens": text}}}
        (user.user / "auth.toml").write_text(tomlkit.dumps(auth))
        assert token(ask(user.access())) == "acc3ss-1-secret"
        assert token(ask(user.access())) == "acc3ss-1-secret"
        assert user.keyring.entries == {}


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
class TestProcesses:
    def test_twenty_at_once_renew_once(self, user: User, tmp_path: Path) -> None:
        user.has()
        user.issuer.slow = 0.3
        go = time.monotonic() + 1.0

        def work(number: int) -> None:
            time.sleep(max(0.0, go - time.monotonic()))
            (tmp_path / f"{number}.token").write_text(token(ask(user.access())) or "nothing")

        children = [forked(lambda number=number: work(number)) for number in range(20)]  # type: ignore[misc]
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
        found = [file.read_text() for file in tmp_path.glob("*.token")]
        assert found == ["acc3ss-1-secret"] * 20
        assert user.issuer.refreshed == 1
        assert not user.issuer.families[0].ended

    @pytest.mark.parametrize("forgiving", [True, False])
    def test_killed_at_any_moment(self, user: User, forgiving: bool) -> None:
        """The next command has the login if anybody could have it, and else says why it is gone."""
        user.has()
        user.issuer.forgiving = forgiving
        lost = 0
        for step in killed_at_each_step(user.user, lambda: ask(user.access()), steps=5):
            was_heard = user.issuer.families[0].refresh != "r3fresh-0-secret"
            kept = user.kept.refresh == Secret(user.issuer.families[0].refresh)
            found = ask(user.access())
            if forgiving or kept or not was_heard:
                assert found.credential is not None, (step, found)
            else:
                lost += 1
                assert found.broken is not None
                assert found.broken.cause is Cause.CREDENTIAL_EXPIRED
                assert "was stopped after it had asked for new tokens" in found.broken.why
            user.issuer.families = [Family(refresh="r3fresh-0-secret")]
        assert lost > 0 or forgiving, "it was never killed between asking and keeping"


def forked(work: Callable[[], object]) -> int:
    """A child that does ``work``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


class TestWhatIsKept:
    def test_is_read_as_it_was_written(self, user: User) -> None:
        user.has(life=60, revocation_endpoint="https://x.example/", ended="why", by_basic=True)
        assert parse_kept(user.kept.text()) == user.kept

    @pytest.mark.parametrize(
        "text",
        ["", "{}", "[]", '{"access": 1}', '{"access": "x", "issuer": "y", "expires_at": "soon"}'],
    )
    def test_twin_something_else(self, text: str) -> None:
        assert parse_kept(Secret(text)) is None

    def test_never_prints(self, user: User) -> None:
        user.has()
        assert "3ss-" not in repr(user.kept)
        found = Credential(Secret("acc3ss"), None, "oauth", "x", BEARER, account=ACCOUNT)
        assert replace(found, account=None) == found
        json.loads(user.kept.text().reveal())
