"""Server kinds: the URL pairs are those of the vendors' pages (each profile's ``source``), with
other names in them.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core import servers as profiles
from poetry_repo_plugin.core.servers import (
    PROFILES,
    Profile,
    index_url_of,
    is_vendor_host,
    looks_like_index,
    parts_of,
    profile_of,
    publish_url_of,
)


def poetry_s(module: str, ending: str) -> str:
    """The one URL with that ending in a module of Poetry: public servers' URLs are written nowhere
    in this project.

    The module is read, not imported: its imports warn on some versions of Python.
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    nodes = ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    texts = {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    [url] = [text for text in texts if text.startswith("https://") and text.endswith(ending)]
    return url


PYPI_ROOT = poetry_s("poetry.repositories.pypi_repository", ".org/")
PYPI_UPLOAD = poetry_s("poetry.publishing.publisher", "/legacy/")
TEST_ROOT = PYPI_ROOT.replace("://", "://test.")

AWS = "https://my_domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/my_repo"
AWS_DUAL = "https://my-domain-111122223333.codeartifact.us-west-2.on.aws/pypi/my-repo"
AWS_VPC = (
    "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com"
    "/pypi/d/my-domain-111122223333/my-repo"
)
GCP = "https://us-central1-python.pkg.dev/my-project/quickstart-python-repo"
AZURE = "https://pkgs.dev.azure.com/org/_packaging/feed/pypi"
AZURE_PROJECT = "https://pkgs.dev.azure.com/org/project/_packaging/feed/pypi"
AZURE_OLD = "https://aiinfra.pkgs.visualstudio.com/Lotus/_packaging/feed/pypi"
AZURE_OLD_PLAIN = "https://aiinfra.pkgs.visualstudio.com/_packaging/feed/pypi"
AZURE_OLD_COLLECTION = (
    "https://aiinfra.pkgs.visualstudio.com/DefaultCollection/Lotus/_packaging/feed/pypi"
)
GITLAB = "https://gitlab.example.com/api/v4/projects/42/packages/pypi"
GITLAB_PATH = "https://gitlab.com/api/v4/projects/group%2Fproject/packages/pypi"
GITLAB_BELOW = "https://example.com/gitlab/api/v4/projects/42/packages/pypi"
GITLAB_GROUP = "https://gitlab.example.com/api/v4/groups/7/-/packages/pypi"
ARTIFACTORY = "https://soleng.jfrog.io/artifactory/api/pypi/demo-pypi-local"
ARTIFACTORY_OWN = "http://repo.example.com:8081/tools/artifactory/api/pypi/pypi-local"
ARTIFACTORY_PROXIED = "https://artifactory.example.com/api/pypi/pypi-local"
ARTIFACTORY_OLD = "https://example.jfrog.io/example/api/pypi/pypi-local"
NEXUS = "http://localhost:8081/repository/pypi-internal"
NEXUS_BELOW = "https://example.com/nexus/repository/pypi-internal"
DEVPI = "http://localhost:3141/emilie/prod"
DEVPI_BELOW = "https://example.com/devpi/emilie/prod"
CLOUDSMITH = "https://dl.cloudsmith.io"
CLOUDSMITH_UPLOAD = "https://python.cloudsmith.io/owner/repo/"

# index URL, upload URL
PAIRS: list[tuple[Profile, str, str | None]] = [
    (profiles.PYPI, PYPI_ROOT, PYPI_UPLOAD),
    (profiles.PYPI, f"{PYPI_ROOT}simple/", PYPI_UPLOAD),
    (profiles.TESTPYPI, TEST_ROOT, f"{TEST_ROOT}legacy/"),
    (profiles.TESTPYPI, f"{TEST_ROOT}simple", f"{TEST_ROOT}legacy/"),
    (profiles.CODEARTIFACT, f"{AWS}/simple/", f"{AWS}/"),
    (profiles.CODEARTIFACT, f"{AWS_DUAL}/simple/", f"{AWS_DUAL}/"),
    (profiles.CODEARTIFACT, f"{AWS_VPC}/simple/", f"{AWS_VPC}/"),
    (profiles.ARTIFACT_REGISTRY, f"{GCP}/simple/", f"{GCP}/"),
    (
        profiles.ARTIFACT_REGISTRY,
        "https://europe-python.pkg.dev/p/r/simple/",
        "https://europe-python.pkg.dev/p/r/",
    ),
    (profiles.AZURE_ARTIFACTS, f"{AZURE}/simple/", f"{AZURE}/upload/"),
    (profiles.AZURE_ARTIFACTS, f"{AZURE_PROJECT}/simple", f"{AZURE_PROJECT}/upload/"),
    (profiles.AZURE_ARTIFACTS, f"{AZURE_OLD}/simple", f"{AZURE_OLD}/upload/"),
    (profiles.AZURE_ARTIFACTS, f"{AZURE_OLD_PLAIN}/simple", f"{AZURE_OLD_PLAIN}/upload/"),
    (profiles.AZURE_ARTIFACTS, f"{AZURE_OLD_COLLECTION}/simple", f"{AZURE_OLD_COLLECTION}/upload/"),
    (
        profiles.AZURE_ARTIFACTS,
        "https://pkgs.dev.azure.com/org/_packaging/feed@Release/pypi/simple",
        None,
    ),
    (
        profiles.AZURE_ARTIFACTS,
        "https://org.pkgs.visualstudio.com/p/_packaging/feed%40Release/pypi/simple",
        None,
    ),
    (profiles.GEMFURY, "https://pypi.fury.io/account/", "https://push.fury.io/account/"),
    (profiles.GEMFURY, "https://pypi.fury.io/account/simple/", "https://push.fury.io/account/"),
    (profiles.GEMFURY, "https://pypi.fury.io/TOKEN/account/", None),
    (profiles.GEMFURY, "https://repo.fury.io/account/", "https://push.fury.io/account/"),
    (profiles.GEMFURY, "https://repo.fury.io/TOKEN/account/", None),
    (profiles.CLOUDSMITH, f"{CLOUDSMITH}/basic/owner/repo/python/simple/", CLOUDSMITH_UPLOAD),
    (profiles.CLOUDSMITH, f"{CLOUDSMITH}/public/owner/repo/python/simple/", CLOUDSMITH_UPLOAD),
    (profiles.CLOUDSMITH, f"{CLOUDSMITH}/TOKEN/owner/repo/python/simple/", CLOUDSMITH_UPLOAD),
    (profiles.GITLAB, f"{GITLAB}/simple", GITLAB),
    (profiles.GITLAB, f"{GITLAB_PATH}/simple", GITLAB_PATH),
    (profiles.GITLAB, f"{GITLAB_BELOW}/simple", GITLAB_BELOW),
    (profiles.GITLAB, f"{GITLAB_GROUP}/simple", None),
    (profiles.GITLAB, GITLAB_GROUP, None),
    (profiles.ARTIFACTORY, f"{ARTIFACTORY}/simple", ARTIFACTORY),
    (profiles.ARTIFACTORY, f"{ARTIFACTORY_OWN}/simple", ARTIFACTORY_OWN),
    (profiles.ARTIFACTORY, f"{ARTIFACTORY_PROXIED}/simple", ARTIFACTORY_PROXIED),
    (profiles.ARTIFACTORY, f"{ARTIFACTORY_OLD}/simple", ARTIFACTORY_OLD),
    (profiles.NEXUS, f"{NEXUS}/simple", f"{NEXUS}/"),
    (profiles.NEXUS, f"{NEXUS_BELOW}/simple", f"{NEXUS_BELOW}/"),
    (profiles.DEVPI, f"{DEVPI}/+simple/", f"{DEVPI}/"),
    (profiles.DEVPI, f"{DEVPI_BELOW}/+simple/", f"{DEVPI_BELOW}/"),
    (profiles.DEVPI, "http://localhost:3141/root/pypi/+simple/", None),
    (profiles.DEVPI, "https://example.com/api/pypi/+simple/", "https://example.com/api/pypi/"),
]

# Nobody's, or not what they look like.
STRANGERS = [
    "https://packages.example.com/simple/",
    "https://evil-pkgs.dev/p/r/simple/",
    "https://us-python.pkg.dev.evil.example/p/r/simple/",
    "https://evil.us-python.pkg.dev/p/r/simple/",
    "https://us-docker.pkg.dev/p/r/simple/",
    "https://pkgs.dev.azure.com.evil.example/org/_packaging/feed/pypi/simple/",
    "https://evilpkgs.dev.azure.com/org/_packaging/feed/pypi/simple/",
    "https://org.pkgs.visualstudio.com.evil.example/_packaging/feed/pypi/simple",
    "https://evil.example/my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/r/simple/",
    "https://my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com.evil.example/pypi/r/simple/",
    "https://my-domain-111122223333.d.codeartifact.s3.amazonaws.com/pypi/r/simple/",
    "https://my-domain-111122223333.codeartifact.s3-us-west-2.amazonaws.com/pypi/r/simple/",
    "https://my-domain-1111.d.codeartifact.us-west-2.amazonaws.com/pypi/r/simple/",
    "https://pypi.fury.io.evil.example/account/",
    "https://notpypi.fury.io/account/",
    "https://repo.fury.io.evil.example/account/",
    "https://dl.cloudsmith.io.evil.example/basic/owner/repo/python/simple/",
    PYPI_ROOT.replace("://", "://not"),
    PYPI_ROOT.rstrip("/") + ".evil.example/simple/",
    PYPI_ROOT.replace("https:", "http:"),
]

# Whole segments: a name that merely begins or ends alike is another name.
NEAR_MISSES = [
    "https://gitlab.example.com/api/v4/projects/42/packages/pypi-old/simple",
    "https://gitlab.example.com/xapi/v4/projects/42/packages/pypi/simple",
    "https://gitlab.example.com/api/v4/projects/42/43/packages/pypi/simple",
    "https://example.com/artifactory/notapi/pypi/repo/simple",
    "https://example.com/artifactory/api/pypi-old/repo/simple",
    "https://example.com/artifactory/api/pypi/repo/path/simple",
    "https://example.com/myrepository/name/simple",
    "https://example.com/emilie/prod/simple",
    f"{AZURE}/simples",
    f"{AWS}/simple/package",
]


def named(pair: object) -> str:
    return pair.kind if isinstance(pair, Profile) else ""


@pytest.mark.parametrize(("profile", "index", "upload"), PAIRS, ids=named)
class TestPairs:
    def test_the_index_is_of_its_kind(
        self, profile: Profile, index: str, upload: str | None
    ) -> None:
        assert profile_of(index) is profile
        assert looks_like_index(index)

    def test_the_upload_url_follows_from_the_index(
        self, profile: Profile, index: str, upload: str | None
    ) -> None:
        assert publish_url_of(index) == upload

    def test_the_upload_url_is_no_index_and_its_own_answer(
        self, profile: Profile, index: str, upload: str | None
    ) -> None:
        if (
            upload is None or profile is profiles.DEVPI
        ):  # devpi's upload URLs look like any other URL
            return
        assert profile_of(upload) is profile
        assert not looks_like_index(upload)
        assert publish_url_of(upload) == upload

    @pytest.mark.parametrize(
        "spelling", ["slash", "no slash", "two slashes", "port", "upper", "userinfo", "query"]
    )
    def test_spelling_makes_no_difference(
        self, profile: Profile, index: str, upload: str | None, spelling: str
    ) -> None:
        scheme, _, rest = index.partition("://")
        host, _, path = rest.partition("/")
        port = host if ":" in host else f"{host}:{443 if scheme == 'https' else 80}"
        other = {
            "slash": f"{index.rstrip('/')}/",
            "no slash": index.rstrip("/"),
            "two slashes": f"{scheme}://{host}//{path}",
            "port": f"{scheme}://{port}/{path}",
            "upper": f"{scheme.upper()}://{host.upper()}/{path}",
            "userinfo": f"{scheme}://user:pass%40word@{host}/{path}",
            "query": f"{index}?a=b#c",
        }[spelling]
        assert profile_of(other) is profile
        assert publish_url_of(other) == upload
        assert looks_like_index(other)


@pytest.mark.parametrize("url", [*STRANGERS, *NEAR_MISSES])
def test_a_stranger_has_no_kind_and_no_upload_url(url: str) -> None:
    assert profile_of(url) is None
    assert publish_url_of(url) is None
    assert parts_of(url) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/artifactory/api/pypi/simple/",
        "https://example.com/repository/simple/simple",
        "https://pypi.fury.io/simple/",
        "https://example.com/user/simple/+simple/",
    ],
)
def test_no_upload_url_that_reads_like_an_index(url: str) -> None:
    """A repository named ``simple``, or an index URL with its repository left out: nothing tells
    them apart.
    """
    assert looks_like_index(url)
    assert publish_url_of(url) is None


@pytest.mark.parametrize("url", STRANGERS)
@pytest.mark.parametrize("provider", ["aws", "gcp", "azure", "gitlab"])
def test_a_stranger_gets_no_vendor_s_token(provider: str, url: str) -> None:
    assert not is_vendor_host(provider, url)


def test_an_unknown_index_is_still_an_index() -> None:
    assert looks_like_index("https://packages.example.com/simple/")
    assert looks_like_index("https://packages.example.com/a/+simple")
    assert not looks_like_index("https://packages.example.com/upload/")
    assert not looks_like_index("https://packages.example.com/simple-things")
    assert not looks_like_index("https://simple/")
    assert not looks_like_index("simple")


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("pypi", profiles.PYPI),
        ("PyPI", profiles.PYPI),
        ("testpypi", profiles.TESTPYPI),
        ("test-pypi", profiles.TESTPYPI),
        ("Test_PyPI", profiles.TESTPYPI),
        ("foo", None),
        ("", None),
    ],
)
def test_the_public_servers_are_known_by_name_where_there_is_no_url(
    name: str, profile: Profile | None
) -> None:
    assert profile_of("", name) is profile


def test_a_url_decides_against_a_name() -> None:
    assert profile_of("https://packages.example.com/simple/", "pypi") is None
    assert profile_of(f"{GITLAB}/simple", "pypi") is profiles.GITLAB
    assert profile_of(f"{TEST_ROOT}simple/", "staging") is profiles.TESTPYPI


@pytest.mark.parametrize(
    ("profile", "username", "provider"),
    [
        (profiles.PYPI, "__token__", None),
        (profiles.TESTPYPI, "__token__", None),
        (profiles.GITLAB, "__token__", "gitlab"),
        (profiles.CODEARTIFACT, "aws", "aws"),
        (profiles.ARTIFACT_REGISTRY, "oauth2accesstoken", "gcp"),
        (profiles.AZURE_ARTIFACTS, "VssSessionToken", "azure"),
        (profiles.CLOUDSMITH, "token", None),
        (profiles.GEMFURY, None, None),
        (profiles.ARTIFACTORY, None, None),
        (profiles.NEXUS, None, None),
        (profiles.DEVPI, None, None),
    ],
    ids=named,
)
def test_user_name_and_provider(
    profile: Profile, username: str | None, provider: str | None
) -> None:
    assert profile.token_username == username
    assert profile.provider == provider


def test_only_gemfury_has_its_token_in_the_user_name() -> None:
    assert [profile for profile in PROFILES if profile.token_is_username] == [profiles.GEMFURY]


def test_only_codeartifact_hides_expiry_behind_404_and_lists_nothing() -> None:
    assert {
        profile.kind: profile.expired_statuses for profile in PROFILES if profile.expired_statuses
    } == {"aws-codeartifact": frozenset({404})}
    assert [profile for profile in PROFILES if not profile.lists_projects] == [
        profiles.CODEARTIFACT
    ]


def test_eleven_kinds_each_with_its_source() -> None:
    assert len({profile.kind for profile in PROFILES}) == 11
    for profile in PROFILES:
        assert profile.source.startswith("https://")
        assert profile.advice.endswith(".")
        assert all(400 <= status < 500 for status in profile.refusal_notes)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (f"{ARTIFACTORY}/simple", {"repository": "demo-pypi-local"}),
        (
            f"{AWS}/simple/",
            {
                "domain": "my_domain",
                "owner": "111122223333",
                "region": "us-west-2",
                "repository": "my_repo",
            },
        ),
        (
            AWS_VPC,
            {
                "domain": "my-domain",
                "owner": "111122223333",
                "region": "us-west-2",
                "repository": "my-repo",
            },
        ),
        (
            GCP,
            {
                "location": "us-central1",
                "project": "my-project",
                "repository": "quickstart-python-repo",
            },
        ),
        (f"{AZURE_PROJECT}/simple", {"organization": "org", "project": "project", "feed": "feed"}),
        (f"{AZURE}/upload", {"organization": "org", "feed": "feed"}),
        (
            f"{AZURE_OLD_COLLECTION}/simple",
            {"account": "aiinfra", "project": "Lotus", "feed": "feed"},
        ),
        (f"{GITLAB_PATH}/simple", {"project": "group%2Fproject"}),
        (f"{CLOUDSMITH}/TOKEN/owner/repo/python/simple", {"owner": "owner", "repository": "repo"}),
        ("https://pypi.fury.io/TOKEN/account/", {}),
        (PYPI_ROOT, {}),
    ],
)
def test_parts_of_a_url(url: str, parts: dict[str, str]) -> None:
    assert parts_of(url) == parts


class TestVendorHosts:
    @pytest.mark.parametrize(
        ("provider", "url"),
        [
            ("aws", f"{AWS}/simple/"),
            ("aws", f"{AWS_DUAL}/simple/"),
            ("aws", f"{AWS_VPC}/simple/"),
            ("aws", AWS.replace("us-west-2", "us-gov-west-1")),
            ("gcp", f"{GCP}/simple/"),
            ("gcp", "https://europe-python.pkg.dev/"),
            ("azure", AZURE),
            ("azure", AZURE_OLD),
            ("gitlab", GITLAB_PATH),
        ],
    )
    def test_a_token_may_go_to_its_vendor(self, provider: str, url: str) -> None:
        assert is_vendor_host(provider, url)
        assert is_vendor_host(provider, url.upper())

    @pytest.mark.parametrize(
        ("provider", "url"),
        [
            ("aws", AWS.replace("https:", "http:")),
            ("aws", AWS.replace(".com/", ".com:8443/")),
            ("aws", "https://codeartifact.us-west-2.amazonaws.com/"),
            ("aws", "https://bucket.s3.us-west-2.amazonaws.com/pypi/repo/simple/"),
            ("aws", "https://x-111122223333.d.codeartifact.elb.amazonaws.com/"),
            ("aws", "https://abc.lambda-url.us-west-2.on.aws/pypi/repo/simple/"),
            (
                "aws",
                "https://vpce-1-2.vpce-svc-3.us-west-2.vpce.amazonaws.com/pypi/d/x-111122223333/repo/",
            ),
            ("gcp", "https://us-docker.pkg.dev/p/r/"),
            ("gcp", "https://python.pkg.dev/p/r/"),
            ("azure", "https://dev.azure.com/org/"),
            ("azure", "https://a.b.pkgs.visualstudio.com/_packaging/feed/pypi/simple"),
            ("azure", "https://pkgs.dev.azure.com@evil.example/org/_packaging/feed/pypi/simple"),
            ("gitlab", "https://notgitlab.com/api/v4/projects/1/packages/pypi/simple"),
            ("gitlab", "https://gitlab.com.evil.example/api/v4/projects/1/packages/pypi/simple"),
            ("gitlab", "https://gitlab.example.com/api/v4/projects/1/packages/pypi/simple"),
            ("gcp", AZURE),
            ("oidc", AZURE),
            ("", AZURE),
            ("azure", ""),
        ],
    )
    def test_and_nowhere_else(self, provider: str, url: str) -> None:
        assert not is_vendor_host(provider, url)

    @pytest.mark.parametrize(
        "url", ["https://evil.example\\@pkgs.dev.azure.com/", "https:\\\\pkgs.dev.azure.com/x"]
    )
    def test_a_backslash_is_where_parsers_disagree_about_the_host(self, url: str) -> None:
        """urllib.parse takes what follows ``@`` for the host, urllib3 (which connects) what stands
        before ``\\``.
        """
        assert not is_vendor_host("azure", url)
        assert profile_of(url) is None


HOSTS = st.sampled_from(
    [
        "gitlab.com",
        "pkgs.dev.azure.com",
        "us-python.pkg.dev",
        "pypi.fury.io",
        "localhost:3141",
        "[::1]",
        "bücher.example",
    ]
)
SEGMENTS = st.lists(
    st.sampled_from(
        [
            "api",
            "v4",
            "projects",
            "packages",
            "pypi",
            "simple",
            "+simple",
            "_packaging",
            "repository",
            "..",
        ]
    )
    | st.text(max_size=6),
    max_size=9,
)
URLS = st.text() | st.builds(
    lambda scheme, host, path: f"{scheme}://{host}/{'/'.join(path)}",
    st.sampled_from(["https", "http", "ftp", ""]),
    HOSTS | st.text(max_size=20),
    SEGMENTS,
)


@given(url=URLS, name=st.text(max_size=10))
def test_no_text_makes_it_raise(url: str, name: str) -> None:
    profile = profile_of(url, name)
    upload = publish_url_of(url)
    looks_like_index(url)
    for provider in ("aws", "gcp", "azure", "gitlab", name):
        is_vendor_host(provider, url)
    assert upload is None or profile is not None


@given(url=URLS)
def test_an_upload_url_is_never_an_index(url: str) -> None:
    upload = publish_url_of(url)
    assert upload is None or not looks_like_index(upload)


def test_a_server_that_no_row_can_be_about_is_held_against_none() -> None:
    """Compiling all these expressions takes 15 ms, of each run."""
    patterns = [form.pattern for profile in PROFILES for form in profile.forms]

    def compiled(url: str) -> int:
        for pattern in patterns:
            pattern.__dict__.pop("compiled", None)
        profile_of(url), publish_url_of(url), looks_like_index(url)
        return sum("compiled" in pattern.__dict__ for pattern in patterns)

    assert compiled("https://packages.example.org/team/simple/") == 0
    assert compiled(f"{GITLAB}/simple") == 1


@pytest.mark.parametrize(("profile", "index", "upload"), PAIRS)
def test_an_upload_url_leads_back_to_an_index(
    profile: Profile, index: str, upload: str | None
) -> None:
    assert index_url_of(index) == index
    if upload is None or profile is profiles.DEVPI:  # whose upload URLs look like any other
        return
    found = index_url_of(upload)
    assert found is not None
    assert looks_like_index(found)
    assert publish_url_of(found) == upload
    assert profile_of(found) is profile


@pytest.mark.parametrize("url", [*STRANGERS, *NEAR_MISSES])
def test_twin_of_an_unknown_server_no_index_is_known(url: str) -> None:
    assert index_url_of(url) is None
