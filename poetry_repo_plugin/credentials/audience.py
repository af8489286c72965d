"""For whom an index may have a CI job's identity made out.

The identity is good for whoever its audience is. With one for ``pypi`` an index could publish at
PyPI in the project's name, with one for a cloud's token service it could enter the project's
account. So an audience must be the index's own name, by a rule that nothing but that name fits: any
other word may be somebody's.
"""

from __future__ import annotations

import re

from poetry_repo_plugin.core.origin import DEFAULT_PORTS, Origin
from poetry_repo_plugin.core.servers import profile_of, publish_url_of

# What may follow the host: nothing in it is read in two ways.
_PATH = r"(?:/[A-Za-z0-9._~/-]*)?"


def may_ask_for(audience: str, origin: Origin, allowed: str | None = None) -> bool:
    """Whether the index that takes uploads at ``origin`` may ask for an identity made out for
    ``audience``.

    :param audience: what the index asks for.
    :param allowed: the one audience that the user has set for this repository.
    """
    if not audience:
        return False
    if audience in (allowed, own_word(origin)):
        return True
    return audience.isascii() and names(audience, origin)


def own_word(origin: Origin) -> str | None:
    """The word by which a known index calls itself; only its own upload host may use it."""
    url = f"{origin}/legacy/"
    profile, upload = profile_of(url), publish_url_of(url)
    if profile is None or upload is None or Origin.of(upload) != origin:
        return None
    return profile.audience


def names(audience: str, origin: Origin) -> bool:
    """Whether ``audience`` is the host of ``origin``, that with its port, or an https URL there.

    A URL must name the very port; another port of the host may be another service.
    """
    host = re.escape(f"[{origin.host}]" if ":" in origin.host else origin.host)
    bare = f"{host}(?::{origin.port})?"
    port = f":{origin.port}"
    if origin.port == DEFAULT_PORTS["https"]:
        port = f"(?:{port})?"
    pattern = f"{bare}|https://{host}{port}{_PATH}"
    return re.fullmatch(pattern, audience, re.IGNORECASE | re.ASCII) is not None
