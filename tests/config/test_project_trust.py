"""Which CA of a project counts, and for which servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.project import RefusedError, path_inside
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.core.origin import Origin
from tests.config.saving import saving
from tests.credentials.keyrings import MemoryKeyring
from tests.http.world import EVIL, INDEX, World

UPLOAD = "https://upload.example/pypi/"
CA_OF_TEAM = '[tool.poetry-repo-plugin.team]\nca = "ca.pem"\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, MemoryKeyring())


def trust_of(world: World) -> ProjectTrust:
    return world.access().tls.project_trust


def poetry_toml(world: World, text: str) -> None:
    (world.project / "poetry.toml").write_text(text, encoding="utf-8")


def own_ca(world: World) -> Path:
    return world.project.resolve() / "ca.pem"


@pytest.mark.parametrize("name", ["team", "Team", "my.team", "my-team", "my_team"])
def test_of_a_source(world: World, name: str) -> None:
    """As one key or nested at its dots, in any case."""
    world.sources(**{name: INDEX})
    for key in (f'"{name}"', f'"{name.upper()}"', name):
        poetry_toml(world, f'[certificates.{key}]\ncert = "ca.pem"\n')
        assert trust_of(world).ca_for(name) == own_ca(world), key
        assert trust_of(world).ignored() == []


@pytest.mark.parametrize("other", ["my-team", "my_team", "my.team"])
def test_of_a_name_that_is_only_similar(world: World, other: str) -> None:
    """Poetry tells them apart."""
    world.sources(myteam=INDEX)
    poetry_toml(world, f'[certificates."{other}"]\ncert = "ca.pem"\n')
    assert trust_of(world).ca_for("myteam") is None
    line = f"certificates.{other}.cert in poetry.toml is ignored: this project names no repository {other}."
    assert trust_of(world).ignored() == [line]


@pytest.mark.parametrize("where", ["table", "poetry.toml"])
def test_of_a_place_for_uploads(world: World, where: str) -> None:
    table = f'publish-url = "{UPLOAD}"\n' if where == "table" else ""
    world.sources(f"{CA_OF_TEAM}{table}")
    if where == "poetry.toml":
        poetry_toml(world, f'[repositories.team]\nurl = "{UPLOAD}"\n')
    assert trust_of(world).ca_for("team") == own_ca(world)
    saving(world.settings).save_publish_url("team", "https://mine.example/")
    [line] = trust_of(world).ignored()
    assert (
        "team belongs to https://mine.example, and this project says https://upload.example."
        in line
    )
    assert line.endswith("poetry repo login team --url https://upload.example")


@pytest.mark.parametrize("kind", list(Kind))
def test_bound_elsewhere_and_back_again(world: World, kind: Kind) -> None:
    world.sources(CA_OF_TEAM, team=EVIL)
    world.bindings.record("team", kind, [INDEX])
    assert trust_of(world).ca_for("team") is None
    world.bindings.record("team", kind, [EVIL])  # what the hint does
    assert trust_of(world).ca_for("team") == own_ca(world)
    assert trust_of(world).ignored() == []
    assert trust_of(world).ca_for("team", Origin.of(EVIL)) == own_ca(world)
    assert trust_of(world).ca_for("team", Origin.of(INDEX)) is None, "the user alone says so"


def test_a_remembered_repository(world: World) -> None:
    saving(world.settings).save_user_settings("team", {"url": INDEX})
    world.sources(CA_OF_TEAM, team=EVIL)
    assert trust_of(world).ca_for("team") is None
    world.sources(CA_OF_TEAM, team=INDEX)
    assert trust_of(world).ca_for("team") == own_ca(world)


def test_a_binding_that_cannot_be_read_is_none_to_this_place(world: World) -> None:
    saving(world.settings).save_user_settings("team", {"credential-origins": ["?"]})
    world.sources(CA_OF_TEAM, team=INDEX)
    assert trust_of(world).ca_for("team") is None


def test_files_elsewhere_are_believed_too_but_not_pypi_s(world: World) -> None:
    world.sources(CA_OF_TEAM, team=INDEX)
    assert trust_of(world).ca_for("team", Origin.of("https://files.example/")) == own_ca(world)
    for host in ("pypi.org", "PyPI.org.", "files.pythonhosted.org", "test.pypi.org"):
        assert trust_of(world).ca_for("team", Origin.of(f"https://{host}/")) is None
    assert trust_of(world).ca_for("team", Origin.of("https://notpypi.org/")) == own_ca(world)


def test_the_user_s_own_word_ends_the_matter(world: World) -> None:
    world.sources('[tool.poetry-repo-plugin.pypi]\nca = "ca.pem"\n' + CA_OF_TEAM, team=EVIL)
    world.bindings.record("team", Kind.CREDENTIAL, [INDEX])
    assert len(trust_of(world).ignored()) == 2
    saving(world.settings).save_certificates("pypi", {"cert": "/mine.pem"})
    saving(world.settings).save_user_settings("team", {"ca": "system"})
    assert trust_of(world).ignored() == []
    assert world.access().tls.settings_of(world.access().catalogue.require("team")).ca == "system"


def test_a_server_that_the_user_knows_by_another_name(world: World) -> None:
    world.bindings.record("company", Kind.CREDENTIAL, [INDEX])
    world.sources(CA_OF_TEAM, team="https://host.example/team-b/simple/")
    [line] = trust_of(world).ignored()
    assert "you know https://host.example as company, which does not trust this CA." in line
    both = CA_OF_TEAM + '[tool.poetry-repo-plugin.company]\nca = "ca.pem"\n'
    world.sources(both, team="https://host.example/team-b/simple/", company=INDEX)
    assert trust_of(world).ignored() == []
    saving(world.settings).save_certificates("company", {"cert": "/mine.pem"})
    assert len(trust_of(world).ignored()) == 1


@pytest.mark.parametrize(
    "value", ["1", "[]", '""', '"../ca.pem"', '"a/../../ca.pem"', '"/ca.pem"', '"."', '"~/ca.pem"']
)
def test_what_is_no_path_inside(world: World, value: str) -> None:
    world.sources(team=INDEX)
    poetry_toml(world, f"[certificates.team]\ncert = {value}\n")
    assert trust_of(world).ca_for("team") is None
    [line] = trust_of(world).ignored()
    assert line.startswith("certificates.team.cert in poetry.toml is ignored: it is not a path")


def test_what_a_terminal_would_act_on_is_escaped(world: World) -> None:
    world.sources(team=INDEX)
    poetry_toml(world, '[certificates."a\\u001b[2J"]\ncert = "ca.pem"\n')
    [line] = trust_of(world).ignored()
    assert line.isprintable()


@given(
    parts=st.lists(
        st.sampled_from(["..", ".", "a", "out", "in", "~", "", "ca.pem", "/", "C:"]), max_size=6
    )
)
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    root = tmp_path_factory.getbasetemp() / "inside" / "project"
    (root / "a").mkdir(parents=True, exist_ok=True)
    for name, target in (("out", root.parent), ("in", root / "a")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    try:
        found = path_inside("/".join(parts), root)
    except RefusedError:
        return
    assert root.resolve() in found.resolve().parents
