"""In CI: an index asks for the job's identity, made out for somebody else, at whom it would use
it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.arena import EVIL, EVIL_URL, HOST, NAME, URL, Arena, assert_clean
from tests.config.site import VARIABLE, as_root, site_file
from tests.integration.test_trusted_publishing_e2e import GithubTokens, claims_of
from tests.poetry_process import Finished
from tests.servers.messages import RecordedRequest, Response

AUDIENCES = (
    *(
        "npm:registry.npmjs.org",
        "urn:pulumi:org:acme",
        "AzureADTokenExchange",
        "sts.amazonaws.com.",
    ),
    *("sts.amazonaws.com", "pypi", "PyPI", "testpypi", "sigstore", HOST, f"https://{HOST}"),
    *(
        f"https://{EVIL}@{HOST}/",
        f"https://{EVIL}:443@{HOST}",
        f"https://{HOST}/@{EVIL}",
        f"{EVIL}:8443",
    ),
    *(
        f"https://{HOST}\\@{EVIL}",
        f"{EVIL}.",
        f"{EVIL}.{HOST}",
        f"x.{EVIL}",
        f"{EVIL} {HOST}",
        f"\n{HOST}",
    ),
)


@pytest.fixture
def tokens(arena: Arena) -> Iterator[GithubTokens]:
    """A job of GitHub Actions, whose project names the attacker's index as one to publish to."""
    for variable in ("GITLAB_CI", "BUILDKITE", "CIRCLECI", "GITHUB_EVENT_NAME"):
        arena.home.environ[variable] = ""
    with GithubTokens() as tokens:
        arena.home.environ.update(
            GITHUB_ACTIONS="true",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="runner-secret",
            ACTIONS_ID_TOKEN_REQUEST_URL=f"{tokens.origin}/token?api-version=2.0",
        )
        yield tokens


class Minting:
    """Asks for ``audience``, and collects the identities that come."""

    def __init__(self, audience: str) -> None:
        self.audience = audience
        self.identities: list[str] = []

    def __call__(self, request: RecordedRequest) -> Response | None:
        if request.path == "/_/oidc/audience":
            return Response.json({"audience": self.audience})
        if request.path == "/_/oidc/mint-token":
            self.identities.append(json.loads(request.body)["token"])
            return Response.json({"success": True, "token": "minted"})
        return None


def forget_password(arena: Arena) -> None:
    for key in ("username", "password"):
        arena.settle("auth.toml", "http-basic", NAME, key, value=None)


def publish(arena: Arena, name: str, upload: str) -> Finished:
    table = (
        f'[tool.poetry-repo-plugin.{name}]\npublish-url = "{upload}"\naudience = "{AUDIENCES[0]}"\n'
    )
    arena.project(sources={name: EVIL_URL if EVIL in upload else URL}, extra=table)
    arena.dist()
    return arena.home.run("publish", "-r", name)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_identity_made_out_for_somebody_else(
    arena: Arena, tokens: GithubTokens, audience: str
) -> None:
    """Not for any other name, also where the project says that it may be."""
    minting = arena.evil.respond = Minting(audience)
    done = publish(arena, "evil", f"https://{EVIL}/upload/")
    assert done.code == 1
    assert_clean(done)
    assert f"does not name {EVIL}" in " ".join(done.text.split())
    assert (minting.identities, tokens.requests) == ([], [])


@pytest.mark.parametrize(
    "audience", [EVIL, EVIL.upper(), f"https://{EVIL}", f"https://{EVIL}:443/upload/"]
)
def test_twin_one_made_out_for_the_upload_host_itself(
    arena: Arena, tokens: GithubTokens, audience: str
) -> None:
    """It is good for nobody else."""
    minting = arena.evil.respond = Minting(audience)
    arena.own.add(f"Basic {base64.b64encode(b'__token__:minted').decode()}")
    publish(arena, "evil", f"https://{EVIL}/upload/")
    assert [claims_of(identity)["aud"] for identity in minting.identities] == [audience]


@pytest.mark.parametrize("said", ["a login", "a client certificate alone", "a further index"])
def test_an_audience_that_is_set_for_a_name_which_belongs_elsewhere(
    arena: Arena, tokens: GithubTokens, said: str
) -> None:
    """A project uses the name of the company for the attacker's index."""
    own = arena.home.toml("poetry-repo-plugin.toml")["repositories"][NAME]
    kept = {
        "a login": own,
        "a client certificate alone": {"certificate-origins": own["certificate-origins"]},
        "a further index": {"added": [URL]},
    }
    arena.settle("poetry-repo-plugin.toml", "repositories", NAME, value=kept[said])
    arena.home.environ[f"POETRY_REPO_PLUGIN_AUDIENCE_{NAME.upper()}"] = "corp"
    minting = arena.evil.respond = Minting("corp")
    forget_password(arena)
    done = publish(arena, NAME, f"https://{EVIL}/upload/")
    assert done.code == 1
    assert (minting.identities, tokens.requests) == ([], [])


@as_root
@pytest.mark.parametrize("url", ["", URL], ids=["no url", "a url"])
def test_an_audience_of_the_administrators(
    arena: Arena, tokens: GithubTokens, tmp_path: Path, url: str
) -> None:
    """The same, where managed settings alone know the name, be it without a URL."""
    arena.settle("poetry-repo-plugin.toml", "repositories", NAME, value=None)
    arena.settle("auth.toml", "certificates", NAME, "client-cert", value=None)
    text = f'[repositories.{NAME}]\naudience = "corp"\n'
    text += f'url = "{url}"\n' if url else ""
    arena.home.environ[VARIABLE] = str(site_file(tmp_path / "site", text))
    minting = arena.evil.respond = Minting("corp")
    forget_password(arena)
    done = publish(arena, NAME, f"https://{EVIL}/upload/")
    assert done.code == 1
    assert (minting.identities, tokens.requests) == ([], [])


def test_twin_the_audience_that_is_set_for_the_company(arena: Arena, tokens: GithubTokens) -> None:
    arena.home.environ[f"POETRY_REPO_PLUGIN_AUDIENCE_{NAME.upper()}"] = "corp"
    minting = arena.company.respond = Minting("corp")
    forget_password(arena)
    publish(arena, NAME, f"https://{HOST}/team-a/upload/")
    assert {claims_of(identity)["aud"] for identity in minting.identities} == {"corp"}
