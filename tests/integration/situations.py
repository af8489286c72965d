"""What else can be wrong beside the table of :mod:`tests.integration.wrong`: variables, names,
URLs, other places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.integration import spoil
from tests.integration.spoil import WRONG_PASSPHRASE, WRONG_PASSWORD
from tests.integration.typist import Typist
from tests.integration.world import NAME, PASSWORD, USER, World, source
from tests.poetry_process import FILE_KEYRING
from tests.servers.faults import redirect_all

LOGIN_VARIABLE, CERTIFICATES = (
    f"POETRY_HTTP_BASIC_{NAME.upper()}",
    f"POETRY_CERTIFICATES_{NAME.upper()}",
)
LOCK, PUBLISH = ("lock",), ("publish", "-r", NAME)
REPO_LOGIN = ("repo", "login", NAME, "--username", USER, "--password-stdin")


@dataclass(frozen=True)
class Situation:
    """One thing that is wrong.

    :param make: makes it so.
    :param runs: the command that meets it.
    :param ends: whether typing the hints ends in success.
    """

    name: str
    make: Callable[[Typist], object]
    runs: tuple[str, ...] = LOCK
    ends: bool = True


def variables(**values: str) -> Callable[[Typist], object]:
    """The environment says so."""
    return lambda typist: typist.world.home.environ.update(values)


def of_file(end: str, make: Callable[[World], object]) -> Callable[[Typist], object]:
    """A variable names this file."""
    return lambda typist: typist.world.home.environ.update(
        {f"{CERTIFICATES}{end}": str(make(typist.world))}
    )


def foreign_client(world: World) -> object:
    """A client certificate that the server refuses."""
    return world.certs.pem(world.certs.client_foreign(), "foreign.pem")


def sealed_with_wrong_variable(typist: Typist) -> None:
    """The key is encrypted, and the variable holds another passphrase."""
    world = typist.world
    spoil.identify_with(world, cert=spoil.own_cert(world), key=spoil.sealed_key(world))
    world.home.environ[f"{CERTIFICATES}_PASSPHRASE"] = WRONG_PASSPHRASE


def lonely_in_variable(typist: Typist) -> None:
    """The variable names a certificate without its key."""
    world = typist.world
    world.settle("poetry-repo-plugin.toml", "repositories", world.name, "client-key", value=None)
    world.home.environ[f"{CERTIFICATES}_CLIENT_CERT"] = str(spoil.own_cert(world))


def url_with(userinfo: str) -> Callable[[Typist], object]:
    """The source's URL holds a user name and a password."""

    def make(typist: Typist) -> None:
        world = typist.world
        world.break_off("credential")
        world.project(
            "gamma", url=world.index.index_url.replace("https://", f"https://{userinfo}@")
        )

    return make


def http_in_variable(typist: Typist) -> None:
    """The variable says http where the server speaks TLS."""
    url = typist.world.index.upload_url.replace("https://", "http://")
    typist.world.home.environ[f"POETRY_REPOSITORIES_{NAME.upper()}_URL"] = url


def files_elsewhere(typist: Typist) -> None:
    """The files lie on another origin, which wants the login."""
    away = redirect_all(typist.right.origin)
    typist.world.index.respond = lambda request: (
        away(request) if "/files/" in request.path else None
    )


def broken_helper(typist: Typist) -> None:
    """The helper is not there any more."""
    world = typist.world
    world.break_off("credential")
    world.settle(
        "poetry-repo-plugin.toml", "repositories", NAME, "helper", value=["/nowhere/helper"]
    )
    world.settle("poetry-repo-plugin.toml", "repositories", NAME, "protocol", value="git")


def locked_keyring(typist: Typist) -> None:
    """The login is in a keyring that is locked."""
    world = typist.world
    world.settle("auth.toml", "http-basic", NAME, "password", value=None)
    world.home.keyring = FILE_KEYRING
    world.home.environ["KEYRING_MODE"] = "locked"


def no_credential(typist: Typist) -> None:
    """None is stored."""
    typist.world.break_off("credential")


def nothing(typist: Typist) -> None:
    """The command alone is wrong."""


def redirected(typist: Typist) -> None:
    """The index sends everybody to another origin, which wants the login."""
    typist.world.index.respond = redirect_all(typist.right.origin)


def name_reused(typist: Typist) -> None:
    """The project uses the name for another URL than the one that the login is for."""
    typist.world.home.ok(*REPO_LOGIN, stdin=f"{PASSWORD}\n")
    typist.world.settle("config.toml", "repositories", NAME, value=None)
    typist.world.project("gamma", url=typist.right.index_url)


def publish_only(typist: Typist) -> None:
    """The repository is for publishing alone, and its URL does not accept uploads."""
    world = typist.world
    world.home.write_project()
    world.publish_to(f"{world.index.origin}/nothing/")


def only_a_login(typist: Typist) -> None:
    """Nothing but a login is known of it."""
    typist.world.home.write_project()
    typist.world.settle("config.toml", "repositories", NAME, value=None)


def two_sources_of_one_name(typist: Typist) -> None:
    """As Poetry 1 wrote it."""
    world = typist.world
    text = source(NAME, world.index.index_url).replace('priority = "primary"', "default = true")
    world.home.write_project(dependencies=("gamma",), extra=text)


def broken_proxy(typist: Typist) -> None:
    """The proxy's variable has no scheme that anybody knows."""
    typist.world.home.environ["HTTPS_PROXY"] = "socks9://127.0.0.1:1"


def forgotten_user(typist: Typist) -> None:
    """A password in a variable, and no user."""
    typist.world.break_off("credential")
    typist.world.home.environ[f"{LOGIN_VARIABLE}_USERNAME"] = USER


def netrc(typist: Typist) -> None:
    """netrc has an old password."""
    world = typist.world
    world.break_off("credential")
    file = world.home.root / ".netrc"
    file.write_text(f"machine 127.0.0.1 login {USER} password old\n")
    file.chmod(0o600)


def poetry_toml(typist: Typist) -> None:
    """The login stands in the project's poetry.toml."""
    world = typist.world
    world.break_off("credential")
    text = f'[http-basic.{NAME}]\nusername = "{USER}"\npassword = "x"\n'
    (world.home.project / "poetry.toml").write_text(text)


SITUATIONS = (
    Situation("variable-wrong", variables(**{f"{LOGIN_VARIABLE}_PASSWORD": WRONG_PASSWORD})),
    Situation("variable-empty", variables(**{f"{LOGIN_VARIABLE}_PASSWORD": ""})),
    Situation(
        "variables-wrong",
        variables(
            **{f"{LOGIN_VARIABLE}_USERNAME": USER, f"{LOGIN_VARIABLE}_PASSWORD": WRONG_PASSWORD}
        ),
    ),
    Situation(
        "variables-wrong-publish",
        variables(
            **{f"{LOGIN_VARIABLE}_USERNAME": USER, f"{LOGIN_VARIABLE}_PASSWORD": WRONG_PASSWORD}
        ),
        PUBLISH,
    ),
    Situation("variable-user-only", forgotten_user),
    Situation(
        "variable-token-wrong",
        variables(**{f"POETRY_PYPI_TOKEN_{NAME.upper()}": "pypi-old"}),
        PUBLISH,
    ),
    Situation("variable-ca-gone", of_file("_CERT", spoil.gone)),
    Situation("variable-ca-gone-publish", of_file("_CERT", spoil.gone), PUBLISH),
    Situation("variable-ca-gone-login", of_file("_CERT", spoil.gone), REPO_LOGIN),
    Situation("variable-ca-garbage", of_file("_CERT", spoil.garbage)),
    Situation(
        "variable-ca-other",
        of_file("_CERT", lambda world: world.certs.ca_file(world.certs.other_ca, name="o.pem")),
    ),
    Situation("variable-client-cert-gone", of_file("_CLIENT_CERT", spoil.gone)),
    Situation("variable-client-cert-garbage", of_file("_CLIENT_CERT", spoil.garbage), PUBLISH),
    Situation("variable-client-cert-lonely", lonely_in_variable),
    Situation("variable-client-cert-mismatch", of_file("_CLIENT_CERT", foreign_client)),
    Situation("variable-passphrase-wrong", sealed_with_wrong_variable),
    Situation(
        "variable-without-url", variables(POETRY_REPOSITORIES_BAZ="x"), ("publish", "-r", "baz")
    ),
    Situation(
        "variable-url-wrong",
        variables(**{f"POETRY_REPOSITORIES_{NAME.upper()}_URL": "nonsense"}),
        PUBLISH,
    ),
    Situation("variable-url-http", http_in_variable, PUBLISH),
    Situation("url-with-variables", url_with("${USER}:${PASS}")),
    Situation("url-with-an-old-password", url_with(f"{USER}:old")),
    Situation("netrc-with-an-old-password", netrc),
    Situation("poetry-toml", poetry_toml),
    Situation("redirected", redirected),
    Situation("name-reused", name_reused),
    Situation("publish-only", publish_only, PUBLISH),
    Situation("only-a-login", only_a_login, PUBLISH),
    Situation("unknown", only_a_login, ("publish", "-r", "fooo")),
    Situation("unknown-login", only_a_login, ("repo", "show", "fooo")),
    Situation("legacy", two_sources_of_one_name),
    Situation("proxy", broken_proxy),
    Situation("files-elsewhere", files_elsewhere),
    Situation("helper-gone", broken_helper, ends=False),
    Situation("keyring-locked", locked_keyring),
    Situation("token", no_credential, ("repo", "token", NAME)),
    Situation("publish-cert-gone", nothing, (*PUBLISH, "--cert", "gone.pem")),
    Situation("publish-client-cert-gone", nothing, (*PUBLISH, "--client-cert", "gone.pem")),
    Situation(
        "publish-url", nothing, ("publish", "-r", "https://up.example.org/legacy/"), ends=False
    ),
    Situation("certs-gone", nothing, ("repo", "certs", NAME, "--ca", "gone.pem")),
    Situation("client-cert-gone", nothing, ("repo", "certs", NAME, "--client-cert", "gone.pem")),
    Situation("certs-unknown", only_a_login, ("repo", "certs", "barr", "--ca", "gone.pem")),
    Situation(
        "login-unknown", nothing, ("repo", "login", "barr", "--username", USER, "--password-stdin")
    ),
    Situation("login-without-user", nothing, ("repo", "login", NAME, "--password-stdin")),
    Situation("remove-unknown", nothing, ("repo", "remove", "fooo")),
    Situation("logout-nobody", nothing, ("repo", "logout")),
    Situation("add-without-url", nothing, ("repo", "add", "barr")),
)
