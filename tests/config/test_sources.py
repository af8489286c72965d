"""Adding, changing and removing sources: exact texts, what Poetry makes of them, and properties."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.config import toml, toml_text
from poetry_repo_plugin.config.sources import (
    TURNED,
    add_source,
    diff,
    remove_source,
    system_project_text,
)
from poetry_repo_plugin.core.errors import InputError, StateError
from tests.config.pyproject_texts import (
    INDEX,
    comments,
    everything_else,
    loads,
    poetry_reads,
    pool_names,
    project_texts,
    sources,
)

PROJECT = '[project]\nname = "probe"\nversion = "1"\n'
FOO = f'[[tool.poetry.source]]\nname = "foo"\nurl = "{INDEX}"\npriority = "primary"\n'
PYPI = '[[tool.poetry.source]]\nname = "PyPI"\npriority = "primary"\n'
KEPT = PYPI.replace('"PyPI"', '"PyPI"  # keeps PyPI enabled')
CORP = '[[tool.poetry.source]]\nname = "corp"\nurl = "https://corp.example.org/simple"\npriority = "primary"\n'


class TestAdd:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("", f"{FOO}\n{KEPT}"),
            (PROJECT, f"{PROJECT}\n{FOO}\n{KEPT}"),
            (PROJECT.rstrip("\n"), f"{PROJECT}\n{FOO}\n{KEPT}".rstrip("\n")),
            ("# note\n", f"# note\n\n{FOO}\n{KEPT}"),
            (
                f"{PROJECT}\n[tool.poetry]\npackage-mode = false # x\n\n# black\n[tool.black]\n",
                f"{PROJECT}\n[tool.poetry]\npackage-mode = false # x\n\n{FOO}\n{KEPT}\n# black\n[tool.black]\n",
            ),
            ("[tool.poetry]\n[tool.black]", f"[tool.poetry]\n{FOO}{KEPT}[tool.black]"),
        ],
    )
    def test_plain_keeps_pypi_behind_it(self, tmp_path: Path, before: str, after: str) -> None:
        new, changes = add_source(before, "foo", INDEX)
        assert new == after
        assert changes == [
            f"foo ({INDEX}): added as primary",
            "PyPI: listed as primary behind foo, so that it stays on",
        ]
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary"]

    def test_crlf_stays(self) -> None:
        new, _ = add_source(PROJECT.replace("\n", "\r\n"), "foo", INDEX)
        assert new == f"{PROJECT}\n{FOO}\n{KEPT}".replace("\n", "\r\n")

    def test_mixed_line_ends_stay(self) -> None:
        new, _ = add_source("[project]\r\nname = 'x'\n", "foo", INDEX)
        assert new == f"[project]\r\nname = 'x'\n\n{FOO}\n{KEPT}"

    def test_a_second_one_also_comes_before_pypi(self, tmp_path: Path) -> None:
        new, changes = add_source(f"{FOO}\n# the public one\n{PYPI}", "bar", f"{INDEX}bar")
        assert changes == [f"bar ({INDEX}bar): added as primary before PyPI"]
        assert poetry_reads(new, tmp_path) == ["foo primary", "bar primary", "PyPI primary"]
        assert f"# the public one\n{PYPI}" in new

    def test_pypi_that_was_off_stays_off_and_its_stand_in_the_last_fallback(
        self, tmp_path: Path
    ) -> None:
        new, changes = add_source(CORP, "foo", INDEX)
        assert changes == [f"foo ({INDEX}): added as primary before corp"]
        assert poetry_reads(new, tmp_path) == ["foo primary", "corp primary"]

    @pytest.mark.parametrize("priority", ["supplemental", "explicit"])
    def test_not_primary_needs_no_entry_for_pypi(self, tmp_path: Path, priority: str) -> None:
        new, changes = add_source(PROJECT, "foo", INDEX, priority)
        assert new == f"{PROJECT}\n{FOO.replace('primary', priority)}"
        assert changes == [f"foo ({INDEX}): added as {priority}"]
        assert poetry_reads(new, tmp_path) == ["PyPI primary", f"foo {priority}"]

    def test_a_plain_one_beside_a_supplemental_one_keeps_pypi(self, tmp_path: Path) -> None:
        text, _ = add_source(PROJECT, "foo", INDEX, "supplemental")
        new, _ = add_source(text, "corp", f"{INDEX}corp")
        assert poetry_reads(new, tmp_path) == ["corp primary", "PyPI primary", "foo supplemental"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            # a comment above a source goes with it, one set apart stays where it was
            (f"# public\n{PYPI}", f"{FOO}\n# public\n{PYPI}"),
            (f"# licence\n\n{PYPI}", f"# licence\n\n{FOO}\n{PYPI}"),
            (f"# licence\n\n# public\n{PYPI}", f"# licence\n\n{FOO}\n# public\n{PYPI}"),
            (
                f"{PROJECT}\n# public ones\n\n{PYPI}",
                f"{PROJECT}\n{FOO}\n# public ones\n\n{PYPI}",
            ),
            (
                f"{CORP}# corp's\n\n# public\n\n{PYPI}",
                f"{CORP}# corp's\n\n{FOO}\n# public\n\n{PYPI}",
            ),
            (f"{PROJECT}{PYPI}", f"{PROJECT}{FOO}{PYPI}"),
        ],
    )
    def test_comments_stay_with_what_they_are_about(self, before: str, after: str) -> None:
        assert add_source(before, "foo", INDEX)[0] == after
        assert remove_source(after, "foo")[0] == before

    def test_pypi_that_is_explicit_stays_so(self, tmp_path: Path) -> None:
        new, _ = add_source(f"{CORP}\n{PYPI.replace('primary', 'explicit')}", "foo", INDEX)
        assert poetry_reads(new, tmp_path) == ["corp primary", "foo primary", "PyPI explicit"]

    @pytest.mark.parametrize("priority", ["primary", "supplemental"])
    def test_default_switches_pypi_off_and_comes_last(self, tmp_path: Path, priority: str) -> None:
        text = f"{PYPI.replace('primary', priority)}\n{FOO}"
        new, changes = add_source(text, "corp", "https://corp.example.org/simple", default=True)
        assert new == f"{FOO}\n{CORP}"
        assert changes == [
            "corp (https://corp.example.org/simple): added as primary",
            "PyPI: entry removed",
            "PyPI: on → off",
        ]
        assert poetry_reads(new, tmp_path) == ["foo primary", "corp primary"]

    def test_default_leaves_explicit_pypi_alone(self, tmp_path: Path) -> None:
        text = f"{FOO}\n{PYPI.replace('primary', 'explicit')}"
        new, _ = add_source(text, "corp", "https://corp.example.org/simple", default=True)
        assert poetry_reads(new, tmp_path) == ["foo primary", "corp primary", "PyPI explicit"]

    def test_pypi_itself_has_no_url(self, tmp_path: Path) -> None:
        new, changes = add_source(FOO, "pypi", None)
        assert new == f"{FOO}\n{PYPI}"
        assert changes == ["PyPI: added as primary", "PyPI: off → on"]
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary"]

    @pytest.mark.parametrize(
        ("name", "url", "priority", "default", "said"),
        [
            ("foo", INDEX, "best", False, "is not a priority"),
            ("foo", INDEX, "supplemental", True, "A default source is always primary"),
            ("pypi", INDEX, "primary", False, "PyPI's URL is built into Poetry"),
            ("foo", None, "primary", False, "needs a URL"),
            ("foo", "pypi.example.org", "primary", False, "has no scheme"),
            (
                "foo",
                "https://u:hunter2@pypi.example.org/",
                "primary",
                False,
                "cannot hold a credential",
            ),
            ("foo", "https://u:hun/ter2@pypi.example.org/", "primary", False, "is not a URL"),
        ],
    )
    def test_words_that_do_not_fit(
        self, name: str, url: str | None, priority: str, default: bool, said: str
    ) -> None:
        with pytest.raises(InputError) as error:
            add_source("", name, url, priority, default=default)
        assert said in error.value.message
        assert "ter2" not in "".join(error.value.lines())


class TestUpdate:
    def test_in_place_with_its_comments(self) -> None:
        text = (
            "# ours\n\n# the mirror\n[[tool.poetry.source]]  # head\n"
            "  url = 'https://u:hunter2@old.example.org/'  # moved in May\n  name = \"Foo\"\n# below\n\n"
            + PYPI
        )
        new, changes = add_source(text, "foo", INDEX, "explicit")
        assert new == (
            f'# ours\n\n# the mirror\n[[tool.poetry.source]]  # head\n  url = "{INDEX}"  # moved in May\n'
            '  name = "Foo"\n  priority = "explicit"\n# below\n\n' + PYPI
        )
        assert changes == [
            f"Foo: url https://****@old.example.org/ → {INDEX}",
            'Foo: no priority → priority = "explicit"',
        ]

    def test_nothing_new_changes_nothing(self) -> None:
        text = f"[[tool.poetry.source]]\nurl='{INDEX}'\nname='FOO'\r\n[x]"
        assert add_source(text, "foo", INDEX) == (text, [])

    def test_from_supplemental_to_primary(self, tmp_path: Path) -> None:
        text = FOO.replace("primary", "supplemental")
        new, changes = add_source(text, "foo", INDEX)
        assert new == f"{FOO}\n{KEPT}"
        assert changes[0] == 'foo: priority = "supplemental" → priority = "primary"'
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary"]

    def test_one_that_becomes_primary_comes_before_pypi(self, tmp_path: Path) -> None:
        new, changes = add_source(f"{PYPI}\n{FOO.replace('primary', 'supplemental')}", "foo", INDEX)
        assert "foo: moved before PyPI" in changes
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary"]

    def test_from_primary_to_supplemental_says_that_pypi_is_back(self, tmp_path: Path) -> None:
        new, changes = add_source(CORP, "corp", "https://corp.example.org/simple", "supplemental")
        assert changes[-1] == "PyPI: off → on, because no primary source is left"
        assert poetry_reads(new, tmp_path) == ["PyPI primary", "corp supplemental"]

    def test_to_default_moves_it_with_its_comment(self, tmp_path: Path) -> None:
        new, changes = add_source(
            f"[x]\n\n# about foo\n{FOO}\n# about corp\n{CORP}\n{PYPI}", "foo", INDEX, default=True
        )
        assert new == f"[x]\n\n# about corp\n{CORP}\n# about foo\n{FOO}"
        assert changes == ["foo: moved behind PyPI", "PyPI: entry removed", "PyPI: on → off"]
        assert poetry_reads(new, tmp_path) == ["corp primary", "foo primary"]

    def test_legacy_words_go_from_the_entry_that_is_updated_only(self) -> None:
        legacy = FOO.replace('priority = "primary"', "secondary = true")
        other = CORP.replace('priority = "primary"', "default = true # d")
        new, changes = add_source(f"{legacy}\n{other}", "foo", INDEX, "supplemental")
        assert new == f"{FOO.replace('primary', 'supplemental')}\n{other}"
        assert changes == ['foo: secondary = true → priority = "supplemental"']

    def test_pypi_stays_on_when_the_last_legacy_word_goes(self, tmp_path: Path) -> None:
        plain = FOO.replace('priority = "primary"\n', "")
        other = CORP.replace('priority = "primary"', "secondary = true")
        new, _ = add_source(
            f"{plain}\n{other}", "corp", "https://corp.example.org/simple", "supplemental"
        )
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary", "corp supplemental"]
        new, _ = remove_source(f"{plain}\n{other}", "corp")
        assert poetry_reads(new, tmp_path) == ["foo primary", "PyPI primary"]

    def test_a_project_with_nothing_to_search_is_refused(self, tmp_path: Path) -> None:
        text = f"{FOO}\n{PYPI.replace('primary', 'explicit')}"
        with pytest.raises(InputError, match="leave explicit sources only"):
            add_source(text, "foo", INDEX, "explicit")
        with pytest.raises(InputError, match="leave explicit sources only"):
            remove_source(text, "foo")


def source(name: str, url: str, priority: str | None = "primary") -> str:
    word = f'priority = "{priority}"\n' if priority else ""
    return f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n{word}'


class TestInlineArray:
    """``source = [{ ... }]`` becomes tables as soon as a source changes; comments go along."""

    TEXT = (
        "[tool.poetry]\nsource = [ # all\n  # first\n  { name = 'foo', url = 'https://foo.example.org/' }, # f\n"
        "  { name = 'PyPI' } # p\n  # end\n] # done\npackage-mode = false\n\n[tool.x] # x\n"
    )
    KEPT = "[tool.poetry]\n# end\n# done\npackage-mode = false\n"
    FOO_ = "\n# all\n# first\n# f\n" + source("foo", "https://foo.example.org/", None)
    PYPI_ = '\n# p\n[[tool.poetry.source]]\nname = "PyPI"\n'

    def test_add(self, tmp_path: Path) -> None:
        new, changes = add_source(self.TEXT, "bar", INDEX)
        bar = "\n" + source("bar", INDEX)
        assert new == f"{self.KEPT}{self.FOO_}{bar}{self.PYPI_}\n[tool.x] # x\n"
        assert changes[-1] == TURNED
        assert poetry_reads(new, tmp_path) == ["foo primary", "bar primary", "PyPI primary"]

    def test_update_and_remove(self) -> None:
        new, _ = add_source(self.TEXT, "foo", INDEX, "explicit")
        foo = "\n# all\n# first\n# f\n" + source("foo", INDEX, "explicit")
        assert new == f"{self.KEPT}{foo}{self.PYPI_}\n[tool.x] # x\n"
        left, changes = remove_source(self.TEXT, "foo")
        assert left == f"{self.KEPT}{self.PYPI_}\n[tool.x] # x\n"
        assert changes == ["foo: removed", TURNED]

    @pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n")])
    def test_twin_what_changes_nothing_leaves_it(self, text: str) -> None:
        assert add_source(text, "foo", "https://foo.example.org/") == (text, [])
        assert remove_source(text, "bar") == (text, [])

    def test_the_last_one_goes_with_the_key(self) -> None:
        text = "[tool.poetry]\npackage-mode = false\nsource = [{name='foo', url='https://foo.example.org/'}]"
        left = "[tool.poetry]\npackage-mode = false"
        assert remove_source(text, "foo")[0] == left

    def test_words_that_poetry_does_not_know_stay(self) -> None:
        text = "tool.poetry.source = [{name='foo', url='x', links = [1, false], indexed = 1979-05-27, more.a = 'b'}]\n"
        new, _ = add_source(text, "foo", INDEX)
        assert new == source("foo", INDEX, None) + (
            'links = [1, false]\nindexed = 1979-05-27\nmore = { a = "b" }\n'
        )

    def test_add_to_an_empty_one(self) -> None:
        empty = "[tool.poetry]\nsource = []\n"
        new, _ = add_source(empty, "foo", INDEX, "explicit")
        assert new == "[tool.poetry]\n\n" + source("foo", INDEX, "explicit")
        assert remove_source(empty, "foo") == (empty, [])

    @pytest.mark.parametrize(
        "text",
        [
            "tool = {poetry = {source = [{name='PyPI'}]}}",
            "tool.poetry = {x = 1}",
            "[tool]\npoetry = {}",
        ],
    )
    def test_a_form_that_cannot_be_edited_is_left(self, text: str) -> None:
        with pytest.raises(StateError, match="It was not changed"):
            add_source(text, "foo", INDEX)

    @pytest.mark.parametrize(
        "text",
        ["tool = 1", "tool.poetry = 1", "tool.poetry.source = 1", "tool.poetry.source = [1]"],
    )
    def test_nonsense_is_no_traceback(self, text: str) -> None:
        with pytest.raises(StateError, match=r"pyproject\.toml"):
            add_source(text, "foo", INDEX)


class TestRemove:
    def test_with_the_pypi_entry_that_add_put_there(self, tmp_path: Path) -> None:
        text, _ = add_source(PROJECT, "foo", INDEX)
        new, changes = remove_source(text, "FOO")
        assert new == PROJECT
        assert changes == [
            "foo: removed",
            "PyPI: entry removed; without other primary sources, Poetry uses it anyway",
        ]
        assert poetry_reads(new, tmp_path) == ["PyPI primary"]

    @pytest.mark.parametrize("priority", ["supplemental", "explicit"])
    def test_with_that_entry_beside_a_source_that_is_not_primary(
        self, tmp_path: Path, priority: str
    ) -> None:
        before = f"{PROJECT}\n{CORP.replace('primary', priority)}"
        text, _ = add_source(before, "foo", INDEX)
        new, changes = remove_source(text, "foo")
        assert new == before
        assert changes == [
            "foo: removed",
            "PyPI: entry removed; without other primary sources, Poetry uses it anyway",
        ]
        assert poetry_reads(new, tmp_path)[0] == poetry_reads(text, tmp_path)[1] == "PyPI primary"

    def test_twin_it_stays_while_another_primary_source_needs_it(self) -> None:
        rest = f"{CORP}\n{KEPT}"
        assert remove_source(f"{FOO}\n{rest}", "foo") == (rest, ["foo: removed"])

    @pytest.mark.parametrize(
        "mine", [PYPI, PYPI.replace("PyPI", "pypi"), KEPT.replace("primary", "supplemental")]
    )
    @pytest.mark.parametrize("rest", ["", f"\n{CORP.replace('primary', 'explicit')}"])
    def test_twin_an_entry_for_pypi_that_a_user_wrote_stays(self, mine: str, rest: str) -> None:
        """Be it as ``poetry source add PyPI`` and ``poetry repo add pypi`` write it."""
        assert remove_source(f"{FOO}\n{mine}{rest}", "foo") == (mine + rest, ["foo: removed"])

    def test_it_goes_with_a_source_that_is_primary_no_more(self) -> None:
        text, _ = add_source(add_source(PROJECT, "foo", INDEX)[0], "foo", INDEX, "explicit")
        assert remove_source(text, "foo")[0] == PROJECT

    def test_says_that_pypi_is_back(self) -> None:
        assert remove_source(FOO, "foo") == (
            "",
            ["foo: removed", "PyPI: off → on, because no primary source is left"],
        )

    def test_pypi_itself(self) -> None:
        assert remove_source(f"{FOO}\n{PYPI}", "pypi") == (FOO, ["PyPI: removed", "PyPI: on → off"])

    def test_what_stands_around_it_stays(self) -> None:
        text = f"# file\n{FOO}\n# about corp\n{CORP}# corp too\n\n# floating\n\n{PYPI}# end"
        new, _ = remove_source(text, "corp")
        assert new == f"# file\n{FOO}\n# floating\n\n{PYPI}# end"
        assert remove_source(f"# file\n{FOO}\n[x]\n", "foo")[0] == "# file\n\n[x]\n"

    def test_unknown_changes_nothing(self) -> None:
        assert remove_source(FOO, "bar") == (FOO, [])

    @pytest.mark.parametrize(
        ("settings_", "left"),
        [
            ("[tool.poetry-repo-plugin.Foo]\nca = 'x'\n# c\n\n[y]\n", "[y]\n"),
            ("[tool.poetry-repo-plugin]\nfoo = { ca = 'x' }\n\n[y]\n", "[y]\n"),
            (
                "[tool.poetry-repo-plugin]\nfoo.ca = 'x'\nbar.ca = 'y'\n",
                "[tool.poetry-repo-plugin]\nbar.ca = 'y'\n",
            ),
            ("[tool]\npoetry-repo-plugin.foo.ca = 'x'\n", "[tool]\n"),
            (
                "[tool]\npoetry-repo-plugin.foo.ca = 'x'\npoetry.source = [{name = 'a', url = 'b'}]\n",
                "[tool]\npoetry.source = [{name = 'a', url = 'b'}]\n",
            ),
        ],
    )
    def test_with_its_settings(self, settings_: str, left: str) -> None:
        assert remove_source(f"[x]\n\n{settings_}", "foo") == (
            f"[x]\n\n{left}",
            ["[tool.poetry-repo-plugin.foo]: removed"],
        )


class TestDiff:
    def test_userinfo_is_masked_in_context_too(self) -> None:
        old = f"{FOO}{CORP}".replace("https://", "https://me:hunter2@")
        new = old.replace("corp.example", "new.example").replace("\n", "\r\n")
        shown = diff(old, new)
        assert "hunter2" not in shown
        assert (
            '\n-url = "https://****@corp.example.org/simple"\n+url = "https://****@new.example.org/simple"\n'
            in shown
        )
        assert "\r" not in shown

    def test_an_unescaped_slash_in_a_password_is_masked_too(self) -> None:
        assert "ter2" not in diff("", "url = 'https://me:hun/ter2@x.example.org/'")
        assert "https://x.example.org:8080/@scope/x" in diff(
            "", "url = 'https://x.example.org:8080/@scope/x'"
        )

    def test_equal(self) -> None:
        assert diff(FOO, FOO) == ""


class TestSystemProject:
    """``poetry repo add --self``: Poetry writes its own file anew, and keeps the sources of the old
    one.
    """

    @pytest.mark.parametrize("before", [None, "", "# note\n", "[tool.poetry]\n", FOO])
    def test_poetry_keeps_the_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
    ) -> None:
        from poetry.console.commands.self.self_command import SelfCommand

        path = tmp_path / "pyproject.toml"
        if before is not None:
            path.write_text(before)
        new, _ = add_source(
            system_project_text(before or ""), "corp", "https://corp.example.org/simple"
        )
        path.write_text(new)
        monkeypatch.setattr(
            SelfCommand, "get_default_system_pyproject_file", staticmethod(lambda: path)
        )
        SelfCommand().generate_system_pyproject()
        assert sources(path.read_text()) == sources(new)
        assert len(sources(new)) == 2
        assert poetry_reads(path.read_text(), tmp_path)[-1] == (
            "foo primary" if before == FOO else "PyPI primary"
        )


_URLS = st.sampled_from([INDEX, f"{INDEX}other", "https://corp.example.org:8443/a%20b/simple"])
_PRIORITIES = st.sampled_from(["primary", "supplemental", "explicit", "default"])
_ADDED = st.sampled_from(["foo", "FOO", "new", "corp"])


def _add(text: str, name: str, url: str, priority: str) -> tuple[str, list[str]]:
    default = priority == "default"
    return add_source(text, name, url, "primary" if default else priority, default=default)


class TestProperties:
    @given(project_texts(), _ADDED, _URLS, _PRIORITIES)
    def test_add_twice_is_add_once(self, text: str, name: str, url: str, priority: str) -> None:
        try:
            new, changes = _add(text, name, url, priority)
        except InputError:
            return
        assert _add(new, name, url, priority) == (new, [])
        assert (new == text) == (not changes)
        assert toml.same(everything_else(new), everything_else(text))
        entry = next(one for one in sources(new) if one["name"].lower() == name.lower())
        assert entry["url"] == url
        assert entry.get("priority", "primary") == (
            "primary" if priority == "default" else priority
        )
        if priority != "default":
            assert comments(new) == comments(text)
            assert {one["name"] for one in sources(text)} <= {one["name"] for one in sources(new)}
        assert ("\r\n" in new) == ("\r\n" in text) or "\n" not in text

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
    @given(project_texts(), _ADDED, _URLS, _PRIORITIES)
    def test_poetry_accepts_the_result(self, text: str, name: str, url: str, priority: str) -> None:
        """PyPI is on after an add if it was on before, unless it was a default."""

        if sources(text) and all(one.get("priority") == "explicit" for one in sources(text)):
            return
        try:
            new, changes = _add(text, name, url, priority)
        except InputError:
            return
        was_on, is_on = "pypi" in pool_names(text), "pypi" in pool_names(new)
        if was_on != is_on:
            assert any(
                line.startswith("PyPI: on → off" if was_on else "PyPI: off → on")
                for line in changes
            )
        if was_on and priority != "default":
            assert is_on
        assert name.lower() in pool_names(new)

    @given(project_texts(), st.sampled_from(["primary", "supplemental", "explicit"]), st.booleans())
    def test_remove_undoes_add(self, text: str, priority: str, open_end: bool) -> None:
        """Byte for byte; an inline array is tables then, and says the same."""
        text = text.rstrip("\r\n") if open_end else text
        new, _ = _add(text, "new", INDEX, priority)
        try:
            gone, changes = remove_source(new, "new")
        except InputError:  # all that is left is explicit
            return
        assert changes
        if "source = [" not in text:
            assert gone == text
            return
        assert comments(gone) == comments(text)
        assert toml.same(loads(gone), loads(text))

    @given(project_texts(legacy=True))
    def test_text_is_cut_without_loss(self, text: str) -> None:
        assert "".join(part.text for part in toml_text.parts(text)) == text
        assert "".join(one.text for one in toml_text.statements(text)) == text
        assert loads(text) is not None
