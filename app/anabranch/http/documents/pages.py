"""Pages made of the documents: whole in themselves, without scripts and without a network."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 14px/1.45 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8884; border-radius: 6px }
h3 { margin: 2rem 0 .25rem } h3 code { font-size: 15px }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
tr { border-bottom: 1px solid #8884 } a { color: inherit } summary { cursor: pointer }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"


def page_answer(page: str) -> Response:
    """Return a page; it may load nothing, and run nothing."""
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


def operations_page(document: dict[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    found = [
        (method, path, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    parts = [_text(document["info"]["description"])]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>{_text(tag['description'])}")
        for method, path, one in found:
            if tag["name"] in one["tags"]:
                parts += _operation(f"{method.upper()} {path}", one)
    return _page("Anabranch over HTTP", [*parts, *_schemas(document)])


def commands_page(document: dict[str, Any]) -> str:
    """Return the page of an AsyncAPI document."""
    parts = [_text(document["info"]["description"])]
    for name, channel in document["channels"].items():
        if channel.get("address"):
            parts.append(f'<h3 id="{escape(name)}"><code>{escape(channel["address"])}</code></h3>')
            parts.append(_text(channel.get("description", "")))
    return _page("Anabranch commands", [*parts, *_schemas(document)])


def _operation(name: str, one: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(one["operationId"])}"><code>{escape(name)}</code></h3>'
    yield _text(f"{one['summary']}. {one.get('description', '')}")
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}"
        f"{', required' if each.get('required') else ''}</td>"
        f"<td>{_inline(each.get('description', ''))}</td></tr>"
        for each in one.get("parameters", [])
    )
    yield f"<table>{rows}</table>"
    body = one.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield f"<p>Body: {_link(body['schema'])}</p>{_json(body['example'])}"
    for media, answer in one["responses"].get("200", {}).get("content", {}).items():
        yield f"<p>Answer: {_link(answer['schema'])}, <code>{escape(media)}</code></p>"


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        shown = escape(name)
        yield f'<details id="schema-{shown}"><summary>{shown}</summary>{_json(schema)}</details>'


def _link(schema: dict[str, Any]) -> str:
    name = escape(str(schema.get("$ref", "")).rpartition("/")[2])
    return f'<a href="#schema-{name}">{name}</a>' if name else "text"


def _json(value: Any) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(' '.join(one.split()))}</p>" for one in text.split("\n\n") if one)


def _inline(text: str) -> str:
    """Return a text of one paragraph, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{one}</code>" if at % 2 else one for at, one in enumerate(parts))


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>"
    )
