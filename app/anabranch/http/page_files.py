"""The files of the live page: read once, the same for everybody, and under a strict policy."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from anabranch.http.answers import Held, unchanged

if TYPE_CHECKING:
    from starlette.requests import Request

_FOLDER: Final = files("anabranch.http") / "page"
_MEDIA: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_INDEX: Final = "index.html"
_RULES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # No text becomes markup, whatever a script does with it.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_POLICY: Final = "; ".join(f"{name} {value}" for name, value in _RULES.items())


def _names() -> dict[str, str]:
    found = sorted(one.name for one in _FOLDER.iterdir() if one.name.partition(".")[2] in _MEDIA)
    return {"/" if name == _INDEX else f"/page/{name}": name for name in found}


FILES: Final = _names()
"""The names of the files by their paths."""


@lru_cache
def _file(name: str) -> tuple[bytes, str]:
    """Return a file's content, and its tag."""
    content = (_FOLDER / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


async def page_file(request: Request) -> Response:
    """Answer with a file of the page, or say that the client has it."""
    name = FILES[request.url.path]
    content, tag = _file(name)
    headers = {"ETag": tag, "Content-Security-Policy": _POLICY}
    held = Held(request.headers.getlist("if-none-match"))
    if held.any or held.has(tag):
        return unchanged(headers)
    return Response(content, headers=headers, media_type=_MEDIA[name.partition(".")[2]])
