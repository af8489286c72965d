"""Who can change a file on Windows, told from security descriptors as Windows writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.core.windows import objection_to

PLACE = Path("config.toml")
BY_ADMINISTRATOR = "O:BAG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)"
TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
USER = "S-1-5-21-1004336348-1177238915-682003330-1001"
# As C:\ProgramData has it, and what is made in it.
PROGRAM_DATA = (
    "O:SYG:SYD:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    "(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)"
)
# C:\ itself.
DRIVE = (
    f"O:{TRUSTED_INSTALLER}G:{TRUSTED_INSTALLER}D:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)"
    "(A;;FA;;;SY)(A;OICIIO;GA;;;SY)(A;OICIIO;GA;;;BA)(A;;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
)


@pytest.mark.parametrize(
    ("descriptor", "is_folder"),
    [
        (BY_ADMINISTRATOR, False),
        (BY_ADMINISTRATOR, True),
        (PROGRAM_DATA, True),
        (DRIVE, True),
        (f"{BY_ADMINISTRATOR}S:AI(AU;SA;FA;;;WD)", False),
        ("O:SYD:(D;;FA;;;BU)(A;;FRFX;;;WD)", False),
        (f"O:BAD:(A;;0x1200a9;;;{USER})", False),
    ],
)
def test_the_administrators_alone(descriptor: str, is_folder: bool) -> None:
    assert objection_to(descriptor, PLACE, is_folder=is_folder) is None


@pytest.mark.parametrize(
    ("descriptor", "is_folder", "why"),
    [
        (BY_ADMINISTRATOR.replace("O:BA", f"O:{USER}"), False, "does not belong"),
        (BY_ADMINISTRATOR.replace("O:BA", "O:BU"), True, "does not belong"),
        (f"{BY_ADMINISTRATOR}(A;;FW;;;BU)", False, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;0x1301bf;;;AU)", False, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;0x1301bf;;;AU)", True, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;DT;;;WD)", True, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;WD;;;{USER})", False, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;ZZ;;;WD)", False, "can be changed by users who are not"),
        (f"{BY_ADMINISTRATOR}(A;;FA)", False, "can be changed by users who are not"),
        ("O:BAD:NO_ACCESS_CONTROL", False, "is unknown"),
        ('O:BAD:(XA;;FR;;;WD;(@User.x == "y"))', False, "is unknown"),
        ("O:BA", False, "is unknown"),
        ("", False, "is unknown"),
    ],
)
def test_others_can_change_it(descriptor: str, is_folder: bool, why: str) -> None:
    found = objection_to(descriptor, PLACE, is_folder=is_folder)
    assert found is not None
    assert why in found
