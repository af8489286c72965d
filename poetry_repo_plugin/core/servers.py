"""Kinds of package servers, as data.

Each row says how a server's URLs look, where uploads go, which user name goes with a token, which
provider serves it and what its refusals mean, with the vendor's page. A server in no row is
unknown, and nothing is derived for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from poetry_repo_plugin.core.origin import InvalidUrl, Origin, Prefix
from poetry_repo_plugin.core.patterns import Pattern

TOKEN_USER = "__token__"  # goes with an API token, at PyPI and where its word was taken over


class Provider(NamedTuple):
    """A vendor whose own tool or environment hands out tokens.

    :param title: what the vendor calls its registry.
    :param username: goes with a token.
    :param hosts: the only ones that its tokens go to.
    :param account_variables: how the variables begin by which the tool chooses the account, and
        all others that it reads; ``""`` for none.
    """

    title: str
    username: str
    hosts: tuple[Pattern[str], ...]
    account_variables: str = ""


class Form(NamedTuple):
    """One shape of a server's URLs.

    :param pattern: of the whole URL, normalised: lower-case host, no default port, userinfo, query
        or trailing slash. The group ``index`` takes part exactly where the URL is an index, from
        which one reads, not an upload URL.
    :param publish: the upload URL as a template for :meth:`re.Match.expand`; ``None`` where one
        cannot publish.
    :param read: the index that belongs to an upload URL of this shape, as such a template.
    """

    pattern: Pattern[str]
    publish: str | None
    read: str | None = None


@dataclass(frozen=True, eq=False)
class Profile:
    """One kind of server.

    :param mark: stands in each of its URLs, so that no other URL is held against the forms.
    :param forms: the shapes of its URLs; the first that matches counts.
    :param source: the vendor's page.
    :param advice: one line for ``doctor``.
    :param token_username: the user name that goes with a token; ``None`` where it is the user's
        own.
    :param oauth_username: the user name that an OAuth access token is the password of; ``None`` where
        it is a Bearer.
    :param token_is_username: the token is the user name, the password empty: such a user name is
        never printed.
    :param provider: the credential provider that serves it, or ``None``.
    :param stranger_statuses: HTTP statuses other than 401 and 403 for who comes without a
        credential.
    :param expired_statuses: HTTP statuses other than 401 and 403 that an expired credential is
        answered with.
    :param refusal_notes: what a status means with this server, for messages.
    :param audience: for whom a job's identity is made out in trusted publishing; ``None`` where no
        word is known.
    :param lists_projects: whether the root of the index can be fetched (PEP 503); where not, 404 is
    its normal answer.
    """

    title: str
    mark: str
    forms: tuple[Form, ...]
    source: str
    advice: str
    token_username: str | None = None
    oauth_username: str | None = None
    token_is_username: bool = False
    provider: str | None = None
    expired_statuses: frozenset[int] = frozenset()
    stranger_statuses: frozenset[int] = frozenset()
    refusal_notes: Mapping[int, str] = field(default_factory=dict)
    lists_projects: bool = True
    audience: str | None = None

    @property
    def kind(self) -> str:
        """The title as one word, for JSON and settings: ``gitlab``, ``aws-codeartifact``."""
        return self.title.lower().replace(" ", "-")


def profile_of(url: str, name: str = "") -> Profile | None:
    """The kind of the server at ``url``, an index or an upload URL; ``None`` if unknown.

    ``name`` decides only where there is no URL (Poetry knows ``pypi`` without one): any server can
    be given any name.
    """
    if not url:
        return _BY_NAME.get(re.sub(r"[-_.]+", "", name.lower()))
    found = _find(url)
    if not found:
        return None
    return found[0]


def parts_of(url: str) -> dict[str, str]:
    """What a known server's URL names (``domain``, ``owner``, ``region``, ``project``, …); empty
    for an unknown one.
    """
    found = _find(url)
    named = {}
    if found:
        named = found[2].groupdict()
    return {
        part: text for part, text in named.items() if text and part not in ("base", "host", "index")
    }


def vendor_parts(provider: str, url: str) -> dict[str, str]:
    """As :func:`parts_of`, also for a URL anywhere at a host that says it all; empty for another
    vendor's host.
    """
    prefix = _prefix(url)
    if prefix is None or not is_vendor_host(provider, url):
        return {}
    matches = (host.fullmatch(prefix.origin.host) for host in _hosts_of(provider))
    named = next((match.groupdict() for match in matches if match), {})
    return {**named, **parts_of(url)}


def publish_url_of(url: str) -> str | None:
    """Where uploads for the index at ``url`` go; an upload URL is its own answer.

    ``None`` where it cannot be known: an unknown server, or a URL that is to read from only.
    """
    found = _find(url)
    upload = None
    if found and found[1].publish:
        upload = found[2].expand(found[1].publish)
    if upload is None or looks_like_index(upload):
        return None
    return upload


def index_url_of(url: str) -> str | None:
    """The index that one reads from where ``url`` takes uploads; an index URL is its own answer.

    ``None`` where it cannot be known: an unknown server.
    """
    found = _find(url)
    if found is None or looks_like_index(url):
        if found is not None:
            return url
        return None
    _, form, match = found
    if form.read is None:
        return None
    return match.expand(form.read)


def same_server(url: str, other: str) -> bool:
    """Whether both are repositories of one installation of a known server that keeps them side by
    side: what is sent to either is read by that server, as with the hosted repository and the group
    of one Nexus.
    """
    found, beside = _find(url), _find(other)
    if (
        found is None
        or beside is None
        or found[0] is not beside[0]
        or not found[0].mark.startswith("/")
    ):
        return False
    roots = {str(_prefix(one)).partition(found[0].mark)[0] for one in (url, other)}
    return len(roots) == 1


def looks_like_index(url: str) -> bool:
    """Whether ``url`` is one to read from, so that publishing to it is a mistake: its last segment
    is ``simple`` (PEP 503) or ``+simple`` (devpi), or a known server has its index there.
    """
    prefix, found = _prefix(url), _find(url)
    if prefix and prefix.path.rpartition("/")[2] in ("simple", "+simple"):
        return True
    return found is not None and found[2].groupdict().get("index") is not None


def is_vendor_host(provider: str, url: str) -> bool:
    """Whether what ``provider``'s command line hands out may be sent to ``url``: https on the
    default port, to a host that the vendor alone can name. A self-hosted GitLab is not among them:
    its provider knows the host from CI.
    """
    prefix = _prefix(url)
    if prefix is None or (prefix.origin.scheme, prefix.origin.port) != ("https", 443):
        return False
    return any(host.fullmatch(prefix.origin.host) for host in _hosts_of(provider))


def is_pypis(origin: Origin) -> bool:
    """Whether PyPI is there, or TestPyPI, or their files."""
    host = origin.host
    return any(host == domain or host.endswith(f".{domain}") for domain in _PYPI_DOMAINS)


def is_vendor_origin(origin: Origin) -> bool:
    """Whether a vendor's public service is there, to which its provider sends tokens that are good
    for far more than one index.
    """
    return any(is_vendor_host(provider, f"{origin}/") for provider in PROVIDERS)


def _hosts_of(provider: str) -> tuple[Pattern[str], ...]:
    known = PROVIDERS.get(provider)
    if known is not None:
        return known.hosts
    return ()


def _find(url: str) -> tuple[Profile, Form, re.Match[str]] | None:
    prefix = _prefix(url)
    text = ""
    if prefix is not None:
        text = str(prefix)
    for profile in PROFILES:
        for form in profile.forms if profile.mark in text else ():
            if match := form.pattern.fullmatch(text):
                return profile, form, match
    return None


def _prefix(url: str) -> Prefix | None:
    # urllib.parse reads "\" as part of the host, urllib3 as its end: such a URL leads elsewhere
    # than it seems to.
    if "\\" in url:
        return None
    try:
        prefix = Prefix.of(url)
    except InvalidUrl:
        return None
    if "//" not in prefix.path:
        return prefix
    return prefix._replace(
        path="".join(f"/{segment}" for segment in prefix.path.split("/") if segment)
    )


def _forms(*rows: tuple[str, str | None] | tuple[str, str, str]) -> tuple[Form, ...]:
    # In a row, <name> is one path segment.
    return tuple(
        Form(Pattern(re.sub(r"(?<!P)<(\w+)>", r"(?P<\1>[^/]+)", row)), *templates)
        for row, *templates in rows
    )


# Building blocks. Hosts are whole: every label is spelled out, or can hold no dot.
_ROOT = r"https?://[^/]+(?:/[^/]+)*?"  # a self-hosted server, perhaps below a path
_SIMPLE = r"(?:/(?P<index>simple))?"
_PYPI_HOST = ".".join(("pypi", "org"))
_PYPI = re.escape(_PYPI_HOST)
_PYPI_DOMAINS = (_PYPI_HOST, "pythonhosted.org")
PYPI_FILES = f"https://files.{_PYPI_DOMAINS[1]}"  # an origin
TESTPYPI_UPLOADS = f"https://test.{_PYPI_HOST}/legacy/"
# Where PyPI took uploads in former times (its help, under "legacy-upload-url").
OLD_PYPI_HOSTS = (
    *("pypi.python.org", "upload.pypi.io"),
    *("testpypi.python.org", "test.pypi.python.org"),
)
_WWW, _PYPI_PATH = r"(?P<index>(?:www\.)?)", r"(?:/simple|/pypi|/legacy)?"
_DOMAIN_OWNER = r"(?P<domain>[a-z0-9][a-z0-9_-]*)-(?P<owner>[0-9]{12})"
_REGION = (
    r"(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})"  # no S3 host fits, whose buckets anyone can name
)
# The "dualstack" endpoint has no ".d".
_AWS_SHAPE = (
    r"(?=[^.]+\.d\.codeartifact\.[a-z0-9-]+\.amazonaws\.|[^.]+\.codeartifact\.[a-z0-9-]+\.on\.)"
)
_AWS_HOST = (
    rf"{_AWS_SHAPE}{_DOMAIN_OWNER}\.(?:d\.)?codeartifact\.{_REGION}\.(?:amazonaws\.com|on\.aws)"
)
_AWS_VPC_HOST = rf"vpce-[a-z0-9-]+\.d\.codeartifact\.{_REGION}\.vpce\.amazonaws\.com"
_GCP_HOST = r"(?P<location>[a-z0-9]+(?:-[a-z0-9]+)*)-python\.pkg\.dev"
_AZURE_HOST = (
    r"(?:pkgs\.dev\.azure\.com/<organization>|(?P<account>[a-z0-9-]+)\.pkgs\.visualstudio\.com)"
)
_AZURE_FEED = r"(?:/DefaultCollection)?(?:/<project>)?/_packaging/(?P<feed>(?:(?!%40)[^/@])+)"

# Each is a module of its name in credentials/providers.
PROVIDERS = {
    "aws": Provider(
        title="AWS CodeArtifact",
        username="aws",
        hosts=(Pattern(_AWS_HOST), Pattern(_AWS_VPC_HOST)),
        account_variables="AWS_",
    ),
    "gcp": Provider(
        title="Google Artifact Registry",
        username="oauth2accesstoken",
        hosts=(Pattern(_GCP_HOST),),
        account_variables="CLOUDSDK_",
    ),
    "azure": Provider(
        title="Azure Artifacts",
        username="VssSessionToken",
        hosts=(Pattern(r"pkgs\.dev\.azure\.com"), Pattern(r"[a-z0-9-]+\.pkgs\.visualstudio\.com")),
        account_variables="AZURE_",
    ),
    "gitlab": Provider(
        title="GitLab",
        username="gitlab-ci-token",
        hosts=(Pattern(r"gitlab\.com"),),
    ),
}

_PYPI_NOTES = {
    400: "published before, or bad metadata",
    403: "the token is invalid, or not for this project",
}

PYPI = Profile(
    title="PyPI",
    mark=_PYPI_HOST,
    # Root, /simple and the older /pypi are to read from; uploads go to a host of their own.
    forms=_forms(
        (
            rf"https://(?:{_WWW}|upload\.)(?P<host>{_PYPI}){_PYPI_PATH}",
            r"https://upload.\g<host>/legacy/",
            r"https://\g<host>/simple/",
        )
    ),
    token_username=TOKEN_USER,
    refusal_notes=_PYPI_NOTES,
    advice="Uploads need an API token or trusted publishing; account passwords do not work.",
    audience="pypi",  # https://docs.pypi.org/trusted-publishers/internals/
    source="https://packaging.python.org/en/latest/specifications/pypirc/",
)

TESTPYPI = Profile(
    title="TestPyPI",
    mark=_PYPI_HOST,
    forms=_forms(
        (
            rf"(?P<base>https://test\.{_PYPI})(?:/legacy|(?P<index>(?:/simple|/pypi)?))",
            r"\g<base>/legacy/",
            r"\g<base>/simple/",
        )
    ),
    token_username=TOKEN_USER,
    refusal_notes=_PYPI_NOTES,
    advice="TestPyPI has its own accounts and tokens; PyPI tokens do not work there.",
    audience="testpypi",
    source="https://packaging.python.org/en/latest/guides/using-testpypi/",
)

GITLAB = Profile(
    title="GitLab",
    mark="/api/v4/",
    forms=_forms(
        (
            rf"(?P<base>{_ROOT}/api/v4/projects/<project>/packages/pypi){_SIMPLE}",
            r"\g<base>",
            r"\g<base>/simple",
        ),
        # "PyPI packages are published using your project ID": a group is to read from only.
        (rf"{_ROOT}/api/v4/groups/<group>/-/packages/(?P<index>pypi)(?:/simple)?", None),
    ),
    oauth_username="oauth2",  # https://docs.gitlab.com/api/oauth2/#access-git-over-https-with-access-token
    token_username=TOKEN_USER,  # a job token's is gitlab-ci-token: the provider's business
    provider="gitlab",
    refusal_notes={
        400: "this version already exists (delete it first), or its metadata is invalid",
        403: "the token lacks a scope (api, read_package_registry, write_package_registry) or the role",
        404: "the project or group does not exist, or the token may not see it",
    },
    # "If the user isn't authorized, GitLab returns 404":
    # https://docs.gitlab.com/api/rest/authentication/
    stranger_statuses=frozenset({404}),
    advice="Deploy tokens have their own user name; publish to a project, not to a group.",
    source="https://docs.gitlab.com/user/packages/pypi_repository/",
)

CODEARTIFACT = Profile(
    title=PROVIDERS["aws"].title,
    mark="codeartifact",
    forms=_forms(
        (
            rf"(?P<base>https://{_AWS_HOST}/pypi/<repository>){_SIMPLE}",
            r"\g<base>/",
            r"\g<base>/simple/",
        ),
        # …/ug/use-codeartifact-from-vpc.html: an endpoint without private DNS
        (
            rf"(?P<base>https://{_AWS_VPC_HOST}/pypi/d/{_DOMAIN_OWNER}/<repository>){_SIMPLE}",
            r"\g<base>/",
            r"\g<base>/simple/",
        ),
    ),
    token_username=PROVIDERS["aws"].username,
    provider="aws",
    # Seen for a token that had run out: https://github.com/astral-sh/uv/issues/11899. A missing
    # package is 404, too.
    expired_statuses=frozenset({404}),
    refusal_notes={404: "the package or the repository does not exist, or the token has expired"},
    advice="Tokens last up to 12 hours; with --provider aws they are renewed for you.",
    lists_projects=False,  # "does not support the /simple/ API endpoint": …/ug/python-compatibility.html
    source="https://docs.aws.amazon.com/codeartifact/latest/ug/python-configure-twine.html",
)

ARTIFACT_REGISTRY = Profile(
    title=PROVIDERS["gcp"].title,
    mark="-python.pkg.dev",
    forms=_forms(
        (
            rf"(?P<base>https://{_GCP_HOST}/<project>/<repository>){_SIMPLE}",
            r"\g<base>/",
            r"\g<base>/simple/",
        )
    ),
    token_username=PROVIDERS["gcp"].username,
    oauth_username=PROVIDERS["gcp"].username,
    provider="gcp",
    refusal_notes={
        403: "the account lacks the role Artifact Registry Reader (or Writer), or there is no such repository"
    },
    advice="Access tokens last one hour (--provider gcp renews them); service account keys use _json_key_base64.",
    source="https://cloud.google.com/artifact-registry/docs/python/authentication",
)

AZURE_ARTIFACTS = Profile(
    title=PROVIDERS["azure"].title,
    mark="/_packaging/",
    forms=_forms(
        (
            rf"(?P<base>https://{_AZURE_HOST}{_AZURE_FEED}/pypi)/(?:(?P<index>simple)|upload)",
            r"\g<base>/upload/",
            r"\g<base>/simple/",
        ),
        # A view (FEED@VIEW) is read-only: packages are promoted to it.
        (rf"https://{_AZURE_HOST}{_AZURE_FEED}(?:@|%40)<view>/pypi/(?P<index>simple)", None),
    ),
    token_username=PROVIDERS[
        "azure"
    ].username,  # "any string"; this is the one that artifacts-keyring answers with
    oauth_username=PROVIDERS["azure"].username,
    provider="azure",
    refusal_notes={
        403: "the account lacks a role in the feed",
        409: "the feed already has this file, and files cannot be replaced",
    },
    advice="Tokens need the Packaging scope (Read, or Read & write); upload to /pypi/upload/.",
    source="https://learn.microsoft.com/azure/devops/artifacts/quickstarts/python-packages",
)

GEMFURY = Profile(
    title="Gemfury",
    mark="fury",
    forms=_forms(
        # repo.fury.io serves packages of all languages:
        # https://fury.blog/changelog/2021-03-18-user-token-auth/
        (
            r"https://(?:(?P<index>pypi|repo)|push)\.fury\.io/<account>(?:/simple)?",
            r"https://push.fury.io/\g<account>/",
            r"https://pypi.fury.io/\g<account>/",
        ),
        # TOKEN/ACCOUNT or ACCOUNT/PACKAGE: they cannot be told apart.
        (r"https://(?P<index>pypi|repo)\.fury\.io/[^/]+/[^/]+", None),
    ),
    token_is_username=True,
    refusal_notes={
        401: "the token is invalid or of the wrong kind (deploy tokens read, push tokens upload)"
    },
    advice="Use the token as user name, with an empty password; reading and pushing need different tokens.",
    source="https://gemfury.com/help/upload-packages",
)

CLOUDSMITH = Profile(
    title="Cloudsmith",
    mark="cloudsmith",
    forms=_forms(
        # The first segment is "basic", "public" or an entitlement token.
        (
            r"https://dl\.cloudsmith\.io/[^/]+/<owner>/<repository>/python/(?P<index>simple)",
            r"https://python.cloudsmith.io/\g<owner>/\g<repository>/",
        ),
        (
            r"(?P<base>https://python\.cloudsmith\.io/<owner>/<repository>)",
            r"\g<base>/",
            r"https://dl.cloudsmith.io/basic/\g<owner>/\g<repository>/python/simple/",
        ),
    ),
    token_username="token",  # noqa: S106
    refusal_notes={
        401: "the token or API key is invalid or of the wrong kind (entitlement tokens only download)"
    },
    advice="Downloads need an entitlement token or an API key, uploads an API key.",
    source="https://docs.cloudsmith.com/formats/python-repository",
)

ARTIFACTORY = Profile(
    title="Artifactory",
    mark="/api/pypi/",
    # Mostly below /artifactory, but a proxy may leave that out or call it otherwise. devpi's
    # +simple is no repository.
    forms=_forms(
        (
            rf"(?P<base>{_ROOT}/api/pypi/(?P<repository>[^/+][^/]*)){_SIMPLE}",
            r"\g<base>",
            r"\g<base>/simple",
        )
    ),
    oauth_username="",  # https://docs.astral.sh/uv/guides/integration/jfrog/
    refusal_notes={
        403: "the user lacks a permission (Read, Deploy), or the file exists and may not be overwritten"
    },
    advice="Use a token with its user's name; publish to a local repository, not a remote one.",
    source="https://jfrog.com/help/r/jfrog-artifactory-documentation/pypi-repositories",
)

NEXUS = Profile(
    title="Nexus Repository",
    mark="/repository/",
    forms=_forms(
        (rf"(?P<base>{_ROOT}/repository/<repository>){_SIMPLE}", r"\g<base>/", r"\g<base>/simple/")
    ),
    refusal_notes={400: "the file already exists, and the repository does not allow replacing it"},
    advice="Publish to a hosted repository; proxies and groups are read-only.",
    source="https://help.sonatype.com/en/pypi-repositories.html",
)

DEVPI = Profile(
    title="devpi",
    mark="/+simple",
    forms=_forms(
        # The built-in mirror of PyPI; `devpi use --urls` says "pypisubmit: None".
        (rf"{_ROOT}/root/pypi/(?P<index>\+simple)", None),
        (rf"(?P<base>{_ROOT}/<user>/<stage>)/(?P<index>\+simple)", r"\g<base>/"),
    ),
    refusal_notes={403: "the user is not in the index's acl_upload"},
    advice="Upload to /USER/INDEX/; uploads to +simple get a 200 and are discarded.",  # devpi/devpi#1097
    source="https://github.com/devpi/devpi/blob/main/doc/userman/devpi_indices.rst",
)

# Servers with hosts of their own come before those that are known by their paths only.
PROFILES = (
    *(PYPI, TESTPYPI, CODEARTIFACT, ARTIFACT_REGISTRY, AZURE_ARTIFACTS, GEMFURY, CLOUDSMITH),
    *(GITLAB, ARTIFACTORY, NEXUS, DEVPI),
)

_BY_NAME = {"pypi": PYPI, "testpypi": TESTPYPI}
