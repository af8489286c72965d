"""Tiny real distributions, made in memory: wheels, sdists, a build backend and a Poetry plugin.

Everything is reproducible: the same arguments give the same bytes, so hashes can be compared
between runs.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import importlib.metadata
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping

Distribution = tuple[str, bytes]
"""A file name and the content."""

EPOCH = (2020, 1, 1, 0, 0, 0)
POETRY_BACKEND = "poetry.core.masonry.api"

_BACKEND = '''\
"""A build backend without dependencies: it makes a wheel of PKG-INFO and the modules beside it (PEP 517)."""

import base64
import hashlib
import pathlib
import zipfile
from email.parser import Parser


def _describe():
    text = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    fields = Parser().parsestr(text)
    stem = "{}-{}".format(fields["Name"].replace("-", "_").lower(), fields["Version"])
    return text, stem


def _metadata(text, stem):
    wheel = "Wheel-Version: 1.0\\nGenerator: BACKEND_NAME\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    return {stem + ".dist-info/METADATA": text.encode(), stem + ".dist-info/WHEEL": wheel.encode()}


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text, stem = _describe()
    for name, content in _metadata(text, stem).items():
        path = pathlib.Path(metadata_directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return stem + ".dist-info"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    text, stem = _describe()
    files = {path.name: path.read_bytes() for path in pathlib.Path().glob("*.py")}
    files.update(_metadata(text, stem))
    record = stem + ".dist-info/RECORD"
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append("{},sha256={},{}".format(name, digest, len(content)))
    files[record] = "\\n".join([*lines, record + ",,", ""]).encode()
    with zipfile.ZipFile(pathlib.Path(wheel_directory, stem + "-py3-none-any.whl"), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stem + "-py3-none-any.whl"
'''

_PLUGIN = '''\
"""A Poetry plugin that adds the command ``{name}``."""

from cleo.commands.command import Command
from poetry.plugins.application_plugin import ApplicationPlugin


class Hello(Command):
    name = "{name}"
    description = "Says hello."

    def handle(self):
        self.line("hello from {name} {version}")
        return 0


class Plugin(ApplicationPlugin):
    def activate(self, application):
        application.command_loader.register_factory("{name}", Hello)
'''


def normalize(name: str) -> str:
    """The project's name as an index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def module_name(name: str) -> str:
    """The one module that :func:`wheel` and :func:`sdist` put into a distribution called
    ``name``.
    """
    return normalize(name).replace("-", "_")


def wheel(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    filename_tag: str = "py3-none-any",
    files: Mapping[str, bytes | str] | None = None,
    metadata_extra: str = "",
    entry_points: str = "",
) -> Distribution:
    """A wheel (PEP 427).

    :param requires: PEP 508 requirements.
    :param files: what it holds, in place of one module with ``__version__``.
    :param metadata_extra: further lines of METADATA, each with its newline.
    :param entry_points: the text of ``entry_points.txt``.
    """
    stem = f"{module_name(name)}-{version}"
    info = f"{stem}.dist-info"
    purelib = str(filename_tag.endswith("-any")).lower()
    tag_lines = "".join(f"Tag: {tag}\n" for tag in _expand_tag(filename_tag))
    content = {path: _bytes(data) for path, data in (files or _module(name, version)).items()}
    content[f"{info}/METADATA"] = metadata(name, version, requires, metadata_extra).encode()
    content[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {purelib}\n{tag_lines}".encode()
    )
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    content[f"{info}/RECORD"] = _record(content, f"{info}/RECORD")
    return f"{stem}-{filename_tag}.whl", _zip(content)


def sdist(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    build_requires: Iterable[str] = ("poetry-core",),
    build_backend: str = POETRY_BACKEND,
    files: Mapping[str, bytes | str] | None = None,
    metadata_version: str = "2.1",
) -> Distribution:
    """An sdist (PEP 625) with PKG-INFO and pyproject.toml.

    With ``metadata_version`` below 2.2 and no ``requires`` an installer must run the build backend
    to learn the dependencies (PEP 643), so a look-up alone already needs ``build_requires``.
    """
    stem = f"{module_name(name)}-{version}"
    content: dict[str, bytes | str] = {
        "PKG-INFO": metadata(name, version, requires, version_of_metadata=metadata_version),
        "pyproject.toml": pyproject(name, version, requires, build_requires, build_backend),
        **(files or _module(name, version)),
    }
    return f"{stem}.tar.gz", _tar(
        {f"{stem}/{path}": _bytes(data) for path, data in content.items()}
    )


def backend_wheel(name: str = "tiny-backend", version: str = "1.0") -> Distribution:
    """A wheel that holds a PEP 517 build backend without dependencies, in the module
    :func:`module_name` of it.
    """
    return wheel(
        name, version, files={f"{module_name(name)}.py": _BACKEND.replace("BACKEND_NAME", name)}
    )


def sdist_with_backend(
    name: str, version: str, backend: str = "tiny-backend", requires: Iterable[str] = ()
) -> Distribution:
    """An sdist that only :func:`backend_wheel` called ``backend`` can build, so an installer must
    find that first.
    """
    return sdist(
        name, version, requires, build_requires=(backend,), build_backend=module_name(backend)
    )


def plugin_wheel(name: str = "tiny-poetry-plugin", version: str = "1.0") -> Distribution:
    """A Poetry plugin without further dependencies; it adds a command called ``name``."""
    module = module_name(name)
    return wheel(
        name,
        version,
        files={f"{module}.py": _PLUGIN.format(name=name, version=version)},
        entry_points=f"[poetry.application.plugin]\n{name} = {module}:Plugin\n",
    )


def installed_wheel(name: str) -> Distribution:
    """A pure distribution of this environment packed as a wheel again.

    With ``installed_wheel("poetry-core")`` on a test's index, what is built by poetry-core can be
    installed without another index. Raises :class:`importlib.metadata.PackageNotFoundError`.
    """
    found = importlib.metadata.distribution(name)
    content: dict[str, bytes] = {}
    record = ""
    for path in found.files or ():
        if path.name == "RECORD":
            record = path.as_posix()
        elif (
            ".." not in path.parts
            and path.suffix != ".pyc"
            and path.name not in ("INSTALLER", "REQUESTED")
        ):
            content[path.as_posix()] = path.read_binary()
    content[record] = _record(content, record)
    return f"{module_name(name)}-{found.version}-py3-none-any.whl", _zip(content)


def stand_in_for_poetry() -> Distribution:
    """A wheel called ``poetry``, of the version that runs, without dependencies and without Poetry
    in it.

    ``poetry self add`` looks for its own version on the index; finding it installed, it does not
    install this one.
    """
    return wheel("poetry", importlib.metadata.version("poetry"))


def metadata(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    extra: str = "",
    *,
    version_of_metadata: str = "2.1",
) -> str:
    """Core metadata (METADATA, PKG-INFO)."""
    lines = [
        f"Metadata-Version: {version_of_metadata}",
        f"Name: {name}",
        f"Version: {version}",
        "Summary: A test.",
    ]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + f"\n{extra}"


def pyproject(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    build_requires: Iterable[str] = ("poetry-core",),
    build_backend: str = POETRY_BACKEND,
) -> str:
    """pyproject.toml of a package; for Poetry's backend with the tables that it builds from."""
    text = f'[build-system]\nrequires = {json.dumps(list(build_requires))}\nbuild-backend = "{build_backend}"\n'
    if build_backend == POETRY_BACKEND:
        text += f'\n[project]\nname = "{name}"\nversion = "{version}"\ndescription = "A test."\n'
        text += f"dependencies = {json.dumps(list(requires))}\n"
        text += f'\n[tool.poetry]\npackages = [{{ include = "{module_name(name)}.py" }}]\n'
    return text


def _module(name: str, version: str) -> dict[str, bytes | str]:
    return {f"{module_name(name)}.py": f'__version__ = "{version}"\n'}


def _expand_tag(tag: str) -> list[str]:
    pythons, abis, platforms = (part.split(".") for part in tag.split("-")[-3:])
    return [
        f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms
    ]


def _record(content: Mapping[str, bytes], own_path: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for path, data in content.items():
        digest = (
            base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
        )
        writer.writerow([path, f"sha256={digest}", len(data)])
    writer.writerow([own_path, "", ""])
    return text.getvalue().encode()


def _zip(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _tar(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
