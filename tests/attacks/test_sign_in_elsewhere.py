"""A project that calls its own index as the one for which a company's account is set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certs import CertificateFactory, server_context
from tests.integration.world import source
from tests.servers import IndexServer
from tests.servers.identity import CLIENT, IdentityServer
from tests.signing_in import NAME, Company
from tests.warm import WarmHome


@pytest.fixture
def company(warm_home: WarmHome, certs: CertificateFactory) -> Iterator[Company]:
    """After a logout, which leaves the issuer. Only a project says where the index is."""
    tls = server_context(certs.server())
    with IndexServer(tls=tls) as index, IdentityServer(tls=tls) as issuer:
        company = Company(warm_home, index, issuer, certs).set_up()
        company.settle({"oauth": {"issuer": issuer.issuer, "client-id": CLIENT}})
        warm_home.write_project(extra=source(NAME, index.index_url))
        yield company


QUESTION = f"{NAME}: only this project says where it is"


@pytest.mark.parametrize("answer", ["", "y"], ids=["no", "twin: yes"])
def test_a_person_is_asked(company: Company, answer: str) -> None:
    home = company.home
    assert isinstance(home, WarmHome)
    with home.terminal("repo", "login", NAME) as screen:
        screen.expect(QUESTION)
        assert company.issuer.requests == []
        screen.type(answer)
        assert screen.end() == (0 if answer else 1), screen.screen
    if answer:
        assert company.own["credential-origins"] == [company.index.origin]
        return
    assert "[origin-mismatch]" in screen.screen
    assert f"Try: poetry repo login {NAME} --url {company.index.index_url}" in screen.screen
    assert company.issuer.requests == company.index.requests == []


def test_twin_whose_place_the_user_has_said(company: Company) -> None:
    home = company.home
    assert isinstance(home, WarmHome)
    company.settle({**company.own, "url": company.index.index_url})
    with home.terminal("repo", "login", NAME) as screen:
        assert screen.end() == 0, screen.screen
    assert QUESTION not in screen.screen
