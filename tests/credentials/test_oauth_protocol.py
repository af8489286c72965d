"""Whatever an issuer, a browser or a stranger sends: an answer of the protocol, or one clear
refusal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import oauth_issuer
from poetry_repo_plugin.credentials import oauth_protocol as protocol
from poetry_repo_plugin.credentials.oauth_issuer import Metadata, ProtocolError
from poetry_repo_plugin.credentials.oauth_protocol import IssuerAnswer
from poetry_repo_plugin.ops.sign_in import has_display
from tests.servers.identity import id_token

ISSUER = "https://login.example.com/tenant"
PLAIN = Metadata(ISSUER, f"{ISSUER}/token")

texts = st.text(max_size=30) | st.sampled_from(
    [
        "Bearer",
        ISSUER,
        "https://x.example/",
        "http://x/",
        "javascript:1",
        "\x1b[2J",
        "a\r\nb",
        "9" * 40,
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    *("issuer", "token_endpoint", "authorization_endpoint", "device_authorization_endpoint"),
    *("revocation_endpoint", "scopes_supported", "token_endpoint_auth_methods_supported"),
    *("access_token", "token_type", "refresh_token", "expires_in", "id_token", "error"),
    *("error_description", "device_code", "user_code", "verification_uri", "interval"),
)
documents = st.dictionaries(st.sampled_from(KEYS), values) | values
answers = st.builds(IssuerAnswer, st.sampled_from([200, 302, 400, 401, 503]), documents)

PARSERS: list[Callable[[IssuerAnswer], object]] = [
    protocol.parse_tokens,
    lambda answer: protocol.parse_device(answer, ISSUER),
    lambda answer: oauth_issuer.parse_metadata(answer.document, ISSUER),
]


class TestParsers:
    @given(answers, st.sampled_from(PARSERS))
    def test_take_anything(self, answer: IssuerAnswer, parse: Callable[[Any], object]) -> None:
        said = ""
        try:
            parse(answer)
        except ProtocolError as error:
            said = str(error)
        assert said.isprintable()
        assert len(said) < 800

    @given(st.text(max_size=80), st.booleans())
    def test_take_any_redirect(self, query: str, names_itself: bool) -> None:
        metadata = PLAIN._replace(names_itself=names_itself)
        assert not protocol.is_ours(query, "the-state-of-this-sign-in")
        with suppress(ProtocolError):
            code = protocol.parse_redirect(query, metadata).reveal()
            assert code.isascii()
            assert code.isprintable()

    @given(texts)
    def test_take_any_issuer(self, text: str) -> None:
        with suppress(ProtocolError):
            issuer = oauth_issuer.check_issuer(text)
            assert issuer == text
            for url in oauth_issuer.discovery_urls(issuer):
                assert urlsplit(url).netloc == urlsplit(issuer).netloc

    @given(texts | st.binary(max_size=40))
    def test_take_any_id_token(self, token: object) -> None:
        found = protocol.account_in(token)
        assert found is None or found.isprintable()


class TestDiscovery:
    def test_looks_in_both_places(self) -> None:
        assert oauth_issuer.discovery_urls(f"{ISSUER}/") == (
            "https://login.example.com/tenant/.well-known/openid-configuration",
            "https://login.example.com/.well-known/oauth-authorization-server/tenant",
        )

    @pytest.mark.parametrize(
        ("methods", "by_basic"),
        [(None, True), (["client_secret_post", "client_secret_basic"], False), (["x"], True)],
    )
    def test_a_client_s_secret_goes_where_it_is_wanted(self, methods: Any, by_basic: bool) -> None:
        document = {
            "issuer": ISSUER,
            "token_endpoint": f"{ISSUER}/token",
            "token_endpoint_auth_methods_supported": methods,
        }
        found = oauth_issuer.parse_metadata(document, ISSUER)
        assert found.by_basic is by_basic
        form, pair = protocol.as_client({"client_id": "a b"}, Secret("s3:cret"), by_basic=by_basic)
        assert (pair is None) is ("client_secret" in form)
        assert pair is None or (pair[0], pair[1].reveal()) == ("a+b", "s3%3Acret")


class TestTheBrowser:
    def test_the_challenge_is_the_verifier_s_hash(self) -> None:
        proof = protocol.make_proof()
        digest = hashlib.sha256(proof.verifier.reveal().encode()).digest()
        assert base64.urlsafe_b64decode(f"{proof.challenge}=") == digest
        assert 43 <= len(proof.verifier.reveal()) <= 128  # RFC 7636, 4.1
        assert protocol.make_proof() != proof

    @given(texts, texts)
    def test_what_is_asked_for_cannot_be_widened(self, client: str, scope: str) -> None:
        with suppress(UnicodeEncodeError):  # half of a surrogate pair
            url = protocol.authorization_url(
                f"{ISSUER}?tenant=1",
                client,
                "http://127.0.0.1:1/callback",
                "s",
                "c",
                {"scope": scope},
            )
            found = parse_qs(urlsplit(url).query, keep_blank_values=True)
            assert found["client_id"] == [client]
            assert found["scope"] == [scope]
            assert found["tenant"] == ["1"]
            assert found["code_challenge_method"] == ["S256"]
            assert urlsplit(url).netloc == "login.example.com"

    def test_only_a_redirect_with_our_state_is_ours(self) -> None:
        assert protocol.is_ours(urlencode({"state": "s", "code": "c"}), "s")
        for query in ("code=c", "state=s&state=s", "state=t", "", "state=" + "s" * 9999):
            assert not protocol.is_ours(query, "s")


class TestTokens:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [(3600, 3600), ("3600", 3600), (0, 0), (-5, 0), (None, None), (True, None), ("soon", None)],
    )
    def test_end(self, given: object, expected: float | None) -> None:
        document = {"access_token": "a", "token_type": "bearer", "expires_in": given}
        assert protocol.parse_tokens(IssuerAnswer(200, document)).expires_in == expected

    @pytest.mark.parametrize(
        ("claims", "account"),
        [
            ({"email": "ada@example.com", "sub": "1"}, "ada@example.com"),
            ({"sub": "1"}, "1"),
            ({"email": "\x1b[2Ja"}, "\\x1b[2Ja"),
            ({"email": 7}, None),
            ([], None),
        ],
    )
    def test_name_who_signed_in(self, claims: Any, account: str | None) -> None:
        assert protocol.account_in(id_token(claims)) == account

    def test_an_error_with_status_200_is_one(self) -> None:
        """GitHub answers so."""
        document = json.loads('{"error": "authorization_pending"}')
        with pytest.raises(protocol.Refused) as caught:
            protocol.parse_tokens(IssuerAnswer(200, document))
        assert caught.value.code == "authorization_pending"


class TestWhereABrowserCanBeOpened:
    @pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there is always a display")
    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({}, False),
            ({"DISPLAY": ":0"}, True),
            ({"WAYLAND_DISPLAY": "wayland-0"}, True),
            ({"BROWSER": "firefox"}, True),
            ({"DISPLAY": ":10", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ],
    )
    def test_is_known_from_the_environment(
        self, variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "SSH_TTY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("SSH_CLIENT", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert has_display() is expected
