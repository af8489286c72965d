"""Who owns a file on Windows, and who can change it, from its security descriptor.

Written from Microsoft's documentation ("Security Descriptor String Format", "ACE Strings", "File
Access Rights Constants") and tested on such strings. The calls that fetch the string have not run on
a Windows machine yet; where they fail, the file is not trusted.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

_TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
# Built-in administrators, the system, the local administrator, those of the domain and the forest.
_ADMINISTRATORS = frozenset({"BA", "SY", "LA", "DA", "EA", _TRUSTED_INSTALLER})
# Stand for the owner, who is looked at anyway.
_OWNER = frozenset({"CO", "OW"})

_SIMPLE = {"CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40}
_STANDARD = {"LO": 0x80, "CR": 0x100, "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000}
_GENERIC = {"GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000}
_FILE = {"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0}
_RIGHTS = {**_SIMPLE, **_STANDARD, **_GENERIC, **_FILE}
_TAKE_OVER = 0x10000 | 0x40000 | 0x80000 | 0x10000000  # delete, change rights, own, all
_CHANGE_FILE = 0x2 | 0x4 | 0x10 | 0x100 | 0x40000000 | _TAKE_OVER
# Everybody may make files in C:\ProgramData; what matters is who can take away what is there.
_CHANGE_FOLDER = 0x40 | _TAKE_OVER

_DESCRIPTOR = re.compile(
    r"O:(?P<owner>S-[\d-]+|[A-Z]{2})(?:G:(?:S-[\d-]+|[A-Z]{2}))?D:(?P<rest>.*)"
)
_LIST = re.compile(r"[A-Z]*(?P<entries>(?:\([^()]*\))*)(?:S:.*)?")


def objection(place: Path) -> str | None:
    """Why ``place`` is not the administrators' alone; ``None`` if it is. Raises :class:`OSError`."""
    return objection_to(_descriptor(place), place, is_folder=place.is_dir())


def objection_to(descriptor: str, place: Path, *, is_folder: bool) -> str | None:
    """The same for a security descriptor in its string form (SDDL)."""
    found = _DESCRIPTOR.fullmatch(descriptor)
    entries = None
    if found is not None:
        entries = _LIST.fullmatch(found["rest"])
    if found is None or entries is None or found["rest"].startswith("NO_ACCESS_CONTROL"):
        return f"who can change {place} is unknown"
    if found["owner"] not in _ADMINISTRATORS:
        return f"{place} does not belong to an administrator"
    changing = _CHANGE_FILE
    if is_folder:
        changing = _CHANGE_FOLDER
    for entry in re.findall(r"\(([^()]*)\)", entries["entries"]):
        if _lets_others(entry, changing):
            return f"{place} can be changed by users who are not administrators"
    return None


def _lets_others(entry: str, changing: int) -> bool:
    """Whether an entry (type;flags;rights;…;…;trustee) lets others do what ``changing`` says."""
    fields = entry.split(";")
    if len(fields) < 6:
        return True
    kind, flags, rights, trustee = fields[0], fields[1], fields[2], fields[5]
    inherited_only = "IO" in re.findall("..", flags)
    if kind == "D" or inherited_only or trustee in _ADMINISTRATORS | _OWNER:
        return False
    mask = _mask(rights)
    return mask is None or bool(mask & changing)


def _mask(rights: str) -> int | None:
    """The access mask; ``None`` for one that is invalid."""
    if re.fullmatch(r"0x[0-9A-Fa-f]+", rights):
        return int(rights, 16)
    words = re.findall("..", rights)
    if "".join(words) != rights or not all(word in _RIGHTS for word in words):
        return None
    mask = 0
    for word in words:
        mask |= _RIGHTS[word]
    return mask


def _descriptor(place: Path) -> str:
    """Owner and access list of ``place``, as SDDL."""
    library: Any = vars(ctypes)["WinDLL"]
    security, memory = library("advapi32"), library("kernel32")
    memory.LocalFree.argtypes = [ctypes.c_void_p]
    found, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    file, owner_and_list = 1, 0x1 | 0x4  # SE_FILE_OBJECT, OWNER_ and DACL_SECURITY_INFORMATION
    asked = ctypes.c_wchar_p(str(place))
    code = security.GetNamedSecurityInfoW(
        *(asked, file, owner_and_list, None, None, None, None, ctypes.byref(found))
    )
    if code:
        raise OSError(code, "its owner cannot be read")
    try:
        if not security.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            *(found, 1, owner_and_list, ctypes.byref(text), None)
        ):
            raise OSError("its owner cannot be read")
        return text.value or ""
    finally:
        memory.LocalFree(found)
        memory.LocalFree(ctypes.cast(text, ctypes.c_void_p))
