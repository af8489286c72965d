"""A session looks into the environment once for each server, and finds what requests finds."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.hooks.remembered import remember_environment

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
URLS = (
    *(
        "http://pypi.example.org/simple/",
        "https://pypi.example.org/simple/",
        "https://pypi.example.org:8443/",
    ),
    *(
        "https://pypi.example.org:443/",
        "https://files.example.org./",
        "https://pypi.example.org:none/",
    ),
    *(
        "https://files.example.org/a.whl",
        "http://127.0.0.1:1/",
        "https://[::1]/",
        "https://other.example/x?y#z",
    ),
)


def merged(session: requests.Session, url: str, **given: Any) -> dict[str, Any]:
    options = {"proxies": {}, "stream": False, "verify": True, "cert": None, **given}
    return dict(session.merge_environment_settings(url, **options))


def remembering() -> requests.Session:
    session = requests.Session()
    remember_environment(session)
    return session


def outcome(session: requests.Session, url: str, verify: Any) -> Any:
    try:
        return merged(session, url, verify=verify)
    except ValueError as error:
        return str(error)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://plain.example:3128")
    monkeypatch.setenv(
        "NO_PROXY", "files.example.org,127.0.0.1,pypi.example.org:8443,pypi.example.org:443"
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ca.pem")


@given(
    st.lists(st.sampled_from(URLS), min_size=1, max_size=12),
    st.sampled_from([True, False, "/own.pem"]),
)
def test_it_is_what_requests_finds_whatever_was_asked_before(urls: list[str], verify: Any) -> None:
    session = remembering()
    for url in urls:
        assert outcome(session, url, verify) == outcome(requests.Session(), url, verify)


def test_the_environment_is_read_once_for_each_server(monkeypatch: pytest.MonkeyPatch) -> None:
    session = remembering()
    first = merged(session, "https://other.example/a")
    assert first["proxies"]["https"] == "http://proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "http://late.example:3128")
    assert merged(session, "https://other.example/b") == first
    assert (
        merged(session, "https://third.example/")["proxies"]["https"] == "http://late.example:3128"
    )


def test_what_one_request_does_to_its_options_is_not_remembered() -> None:
    session = remembering()
    merged(session, URLS[1])["proxies"]["https"] = "http://evil.example"
    assert merged(session, URLS[1]) == merged(requests.Session(), URLS[1])


def test_what_differs_is_asked_for_anew() -> None:
    """The session's own settings, which another plugin may change, and those of one request."""
    session = remembering()
    merged(session, URLS[1])
    session.trust_env = False
    assert merged(session, URLS[1])["proxies"] == {}
    session.proxies["https"] = "http://own.example"
    assert merged(session, URLS[1])["proxies"] == {"https": "http://own.example"}
    session.stream = True
    assert merged(session, URLS[1], stream=None)["stream"] is True
    session.verify = "/session.pem"
    assert merged(session, URLS[1], verify=None)["verify"] == "/session.pem"
    assert merged(session, URLS[1], proxies={"https": "http://given.example"})["proxies"] == {
        "https": "http://given.example"
    }
    assert merged(session, URLS[1], cert=["a", "b"])["cert"] == ["a", "b"]


def test_no_proxies_at_all_are_left_to_requests() -> None:
    session = remembering()
    assert merged(session, URLS[1], proxies=None) == merged(
        requests.Session(), URLS[1], proxies=None
    )
    assert merged(session, URLS[1]) == merged(requests.Session(), URLS[1])
    setattr(session, "proxies", None)  # noqa: B010  # which requests takes
    assert merged(session, URLS[1])["proxies"]["https"] == "http://proxy.example:3128"


def test_a_url_of_no_server_is_left_to_requests() -> None:
    assert merged(remembering(), "ftp://host/x") == merged(requests.Session(), "ftp://host/x")
