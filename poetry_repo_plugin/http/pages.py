"""What an answer is by its body: an index, a page to log in, or neither.

Single sign-on portals answer 200 to whoever is not logged in, and Poetry takes their page for an index without
packages, or for an upload that went well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from poetry_repo_plugin.core.json_text import NotJson, parse_any_depth
from poetry_repo_plugin.core.patterns import Pattern

if TYPE_CHECKING:
    from requests import Response

JSON_TYPE = "application/vnd.pypi.simple.v1+json"  # PEP 691
ENOUGH = 256 * 1024  # bytes of a body that questions read: the root of a mirror of PyPI has 30 MB

# Every repetition is bounded: a hostile page must not make them slow.
_PASSWORD = Pattern(rb"type\s{0,9}=\s{0,9}[\"']?\s{0,9}password\b")
_TITLE = Pattern(rb"<(?:title|h1|h2)\b[^<>]{0,200}>(.{0,200}?)</(?:title|h1|h2)", re.DOTALL | re.IGNORECASE)
_WORDS = Pattern(rb"\blog[ -]?[io]n\b|\bsign(?:ing)?[ -]?(?:in|on)\b|\bsso\b")
_OF_INDEX = Pattern(rb"\blinks for\b|\bsimple index\b|\bindex of\b")
_LINK = Pattern(rb"<a\s[^<>]{0,300}?\bhref\b")
_FIELD = Pattern(rb"<input\b(?![^<>]{0,500}?\btype\s{0,9}=\s{0,9}[\"']?(?:submit|button|reset|image))")


def is_html(response: Response) -> bool:
    """Whether it says that it is HTML."""
    return response.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))


def is_login_page(response: Response) -> bool:
    """Whether it is an HTML page that asks who one is, or that sends one on to somebody who does.

    A form with a button alone is none: devpi has one on each of its pages.
    """
    if not is_html(response):
        return False
    page = response.content.lower()
    if b"password" in page and _PASSWORD.search(page):
        return True
    if b"<form" in page and b"samlrequest" in page:
        return True
    has_form, has_links = b"<form" in page and _FIELD.search(page) is not None, _LINK.search(page) is not None
    if not has_links and has_form:
        return True
    if has_links and not has_form:
        return False
    project = _project_of(response)
    titles = (title for title in _TITLE.findall(page) if _normalized(title) != project)
    return any(_WORDS.search(title) and not _OF_INDEX.search(title) for title in titles)


def _project_of(response: Response) -> bytes:
    """The name of the project whose page was asked for: its page may bear it as title, be it ``django-sso``."""
    asked = response.history[0] if response.history else response
    path = urlsplit(asked.url or "").path
    return _normalized(path.rstrip("/").rpartition("/")[2].encode())


def _normalized(name: bytes) -> bytes:
    """As PEP 503 has it."""
    return re.sub(rb"[-_.]+", b"-", name.strip().lower())


def is_index(response: Response) -> bool:
    """Whether the page of a 2xx can be an index (PEP 503, PEP 691): one without projects as well, if it is HTML."""
    text = response.content.strip()
    if not text or is_login_page(response):
        return False
    if is_json(response):
        return is_simple_json(response)
    return is_html(response) or _LINK.search(text.lower()) is not None


def no_page(response: Response) -> str:
    """What an answer is that is no page of an index, as the predicate of a sentence about its URL."""
    status = response.status_code
    if 300 <= status < 400:
        return f"answers {status}, and not where to go instead"
    if status >= 400 or not response.content.strip():
        return f"answers {' '.join(filter(None, [str(status), response.reason]))}, not with an index"
    title = title_of(response)
    what = "JSON that is none of PEP 691" if is_json(response) else f"the page “{title}”" if title else "something else"
    return f"answers with {what}, not with an index"


def is_simple_json(response: Response) -> bool:
    """Whether it is the JSON of PEP 691. Of one that was not read to its end the beginning must do.

    A big project's has megabytes: whoever reads ``response`` next gets what was parsed here.
    """
    try:
        document = parse_any_depth(response.content)
    except NotJson:
        return len(response.content) >= ENOUGH and b'"api-version"' in response.content[:ENOUGH]
    parse = response.json
    setattr(response, "json", lambda **options: parse(**options) if options else document)  # noqa: B010
    return isinstance(document, dict) and any(isinstance(document.get(key), list) for key in ("projects", "files"))


def is_json(response: Response) -> bool:
    """Whether it says that it is JSON, of whatever kind."""
    kind = response.headers.get("content-type", "").lower().partition(";")[0].strip()
    return kind.endswith(("/json", "+json"))


def title_of(response: Response) -> str | None:
    """The title of an HTML page, for a message; ``None`` where it is none, or has none."""
    found = _TITLE.search(response.content) if is_html(response) else None
    return " ".join(found[1].decode("utf-8", "replace").split())[:60] or None if found is not None else None
