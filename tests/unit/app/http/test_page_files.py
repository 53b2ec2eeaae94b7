"""The files of the live page: small, whole, and such that no text becomes markup."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from starlette.requests import Request

from anabranch.http.page_files import FILES, page_file

SIZE_MAX = 200_000
FOLDER = files("anabranch.http") / "page"
TEXTS = {name: (FOLDER / name).read_text(encoding="utf-8") for name in FILES.values()}
SCRIPTS = sorted(name for name in TEXTS if name.endswith(".js"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|srcdoc"
)
LINES_MAX = 400


def asked(path: str, **headers: str) -> Request:
    """Make a request for a file."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": path, "headers": pairs})


def test_the_page_is_small() -> None:
    """All files together are less than 200 kB, and no file is a blob."""
    assert sum(len(text.encode()) for text in TEXTS.values()) < SIZE_MAX
    assert [name for name, text in TEXTS.items() if text.count("\n") > LINES_MAX] == []


def test_all_that_is_loaded_is_there() -> None:
    """Each import, link and source names a file of the page, and no file is left over."""
    named = {
        one
        for name, text in TEXTS.items()
        for one in re.findall(
            r'(?:from "\./|src="/page/|href="/page/)([\w.]+)"'
            if name != "page.css"
            else r"url\((.*?)\)",
            text,
        )
    }

    assert named | {"index.html"} == set(TEXTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_text(name: str) -> None:
    """Text goes into the document as text alone, and nothing is loaded from elsewhere."""
    assert not MARKUP.search(TEXTS[name])
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", TEXTS[name])


def test_nothing_stands_inline() -> None:
    """The document has neither scripts nor styles of its own: the policy forbids them."""
    assert not re.search(
        r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", TEXTS["index.html"]
    )


@pytest.mark.parametrize("path", sorted(FILES))
async def test_a_file_is_answered_under_the_policy(path: str) -> None:
    """Each has its type, a strict policy, and a tag with which it is not sent again."""
    answer = await page_file(asked(path))
    tag = answer.headers["etag"]
    again, one_of, any_one, other = [
        await page_file(asked(path, if_none_match=held))
        for held in (tag, f'"a, b", W/{tag}', "*", 'any* "x"')
    ]

    policy = dict(
        one.split(" ", 1) for one in answer.headers["content-security-policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert bytes(answer.body).decode() == TEXTS[FILES[path]]
    for held in (again, one_of, any_one):
        assert (held.status_code, held.body, held.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, other.body) == (200, answer.body)
