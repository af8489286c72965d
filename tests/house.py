"""The size and shape of the package, as figures: ``python -m tests.house [FOLDER]``.

``FOLDER`` is the package of another checkout (before a change, say); this one's by default.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import poetry_repo_plugin

NAME = poetry_repo_plugin.__name__
LONG = 100  # characters


class House:
    """A package read from its source.

    :param folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.rglob("*.py"))
        self.texts = {
            self._module(folder, path): path.read_text(encoding="utf-8") for path in paths
        }
        self.trees = {module: ast.parse(text) for module, text in self.texts.items()}

    @staticmethod
    def _module(folder: Path, path: Path) -> str:
        words = path.relative_to(folder).with_suffix("").parts
        return ".".join(words).removesuffix("__init__").removesuffix(".")

    def imports(self, module: str) -> set[str]:
        """The modules of the package that ``module`` imports, inside functions too."""
        found = set()
        for node in ast.walk(self.trees[module]):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.split(".")[0] == NAME:
                base = node.module.removeprefix(NAME).removeprefix(".")
                found |= {self._imported(base, alias.name) for alias in node.names}
        return found - {"", module}

    def _imported(self, base: str, name: str) -> str:
        whole = f"{base}.{name}".removeprefix(".")
        return whole if whole in self.texts else base

    def levels(self) -> int:
        """The length of the longest chain of imports, a circle counting once."""

        @cache
        def height(module: str) -> int:
            if module in path:
                return 0
            path.append(module)
            below = [height(other) for other in self.imports(module) if other in self.texts]
            path.pop()
            return 1 + max(below, default=0)

        path: list[str] = []
        return max(map(height, self.texts))

    def figures(self) -> dict[str, str]:
        """What is measured, and the figure."""
        lines = [line for text in self.texts.values() for line in text.splitlines()]
        code = [line.strip() for line in lines if line.strip()]
        wide = sum(len(line) > LONG for line in lines)
        nodes = [node for tree in self.trees.values() for node in ast.walk(tree)]
        ifs = sum(isinstance(node, ast.IfExp) for node in nodes)
        loose = sum(
            "." not in module and module != ""
            for module in self.texts
            if not self._is_folder(module)
        )
        arrows = sum(len(self.imports(module)) for module in self.texts)
        return {
            "files": f"{len(self.texts)}, {loose} of them loose at the top",
            "lines": f"{len(lines):,}",
            "characters per line, indentation not counted": f"{sum(map(len, code)) / len(code):.1f}",
            f"lines over {LONG} characters": f"{wide} ({100 * wide / len(lines):.1f} %)",
            "conditional expressions per 1,000 lines": f"{1000 * ifs / len(lines):.1f}",
            "levels of imports": str(self.levels()),
            "imports of ours per file": f"{arrows / len(self.texts):.1f}",
        }

    def _is_folder(self, module: str) -> bool:
        return any(other.startswith(f"{module}.") for other in self.texts)


def main(folder: str = "") -> None:
    """Print the figures of the package in ``folder``, this one by default."""
    here = Path(str(poetry_repo_plugin.__file__)).parent
    for what, figure in House(Path(folder) if folder else here).figures().items():
        print(f"{what:48} {figure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
