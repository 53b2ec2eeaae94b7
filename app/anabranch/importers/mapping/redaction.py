"""Secrets and personal paths taken out of texts, and counted by kind, before anything is stored."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from functools import partial
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, Final

from anabranch.errors import RedactionMissing

_LEFT_OUT: Final = frozenset(
    {
        "Base64HighEntropyString",  # Hashes and ids are what sessions of code talk about.
        "HexHighEntropyString",
        "IPPublicDetector",
        "KeywordDetector",  # Its values without quotes are whole sentences: see `ASSIGNED`.
    }
)
_ARTIFACTORY: Final = re.compile(r"AP[\dABCDEF]")
_HASHED: Final = re.compile(r"\$[\w-]{1,16}\$")
_RUN: Final = b"x" * 20
_AS_RUNS: Final = bytes(
    ord("x") if byte < 128 and (chr(byte).isalnum() or chr(byte) in "+/=_-") else ord(" ")
    for byte in range(256)
)
BLOCK: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
BLOCK_END: Final = re.compile(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_OF_BLOCK: Final = f"{ascii_letters}{digits}+/=\\\r\n\t"
"""Characters of a key's lines, also as they stand in a JSON text."""
# Each rule takes time in proportion to a text: what repeats before a rule's fixed part, or may
# begin within itself, has a bound.
_NAMED: Final = (
    r"password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key"
    r"|auth[_-]?key|private[_-]?key|client[_-]?key|credential"
)
ASSIGNED: Final = re.compile(
    rf"(?i)(?:(?:{_NAMED})s?[\w-]{{0,128}}|\b_auth\b|(?P<header>authorization)\b)"
    r"\\{0,8}[\"']?\s*(?:=>|:=|={1,3}|:)\s*\\{0,8}[\"'`]?"
    r"(?(header)(?=[^\s\"'`,;]{0,256}\d))"
    r"(?P<secret>(?=[^\s\"'`,;]{0,256}[\d!@#$%^&*_+-])[^\s\"'`,;<>{}()\[\]]{6,})"
)
"""A name, and what is given to it. In a JSON text within a text there are backslashes."""
_SECRET_NAME: Final = re.compile(rf"(?i)(?:(?:{_NAMED})s?|\b_auth|authorization)[_-]?\d{{0,4}}\Z")
"""The name of a member whose value is a secret: `token_type` and `api_key_header` are none."""
_NUMBER: Final = re.compile(r"\d[\d._]*")
_OF_NUMBERS: Final = re.compile(r"(?i)tokens|token[_-]?(?:count|limit|budget)|-token\s")
OURS: Final = (
    ("Anthropic API key", re.compile(r"\bsk-ant-[\w-]{16,}")),
    ("OpenAI Token", re.compile(r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}")),
    ("Google API key", re.compile(r"\bAIza[\w-]{35}")),
    ("Google OAuth token", re.compile(r"\bya29\.[\w-]{20,}")),
    ("Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("GitHub Token", re.compile(r"\bgithub_pat_\w{22,}")),
    ("Groq API key", re.compile(r"\bgsk_[A-Za-z0-9]{40,}")),
    (
        "API token",
        re.compile(
            r"\b(?:dapi|do[op]_v1_|lin_api_|ntn_|pplx-|r8_|rubygems_|sbp_|secret_"
            r"|shp(?:at|ca|pa|ss)_|xai-)(?=[A-Za-z]{0,64}\d)[A-Za-z0-9]{24,}"
            r"|\b(?:AGE-SECRET-KEY-1|dckr_pat_|glsa_|hvs\.|sntrys_|tskey-)[A-Za-z0-9_-]{24,}"
        ),
    ),
    (
        "Secret in a command",
        re.compile(
            r"(?i)(?<![\w-])--?(?:[a-z]{1,24}-){0,4}(?:password|passwd|passphrase|secret|token|api-?key)"
            r"\s+[\"']?(?P<secret>(?=[^\s\"']{0,256}[\d!@#$%^&*+])[^\s\"'`;|<>(){}\[\]@-]"
            r"[^\s\"'`;|<>(){}\[\]]{5,})"
        ),
    ),
    (
        "Basic Auth Credentials",
        re.compile(
            r"(?i)\bcurl\s[^\n|;&]{0,256}?(?<!\S)(?:-u|--user)[ =][\"']?[^\s:\"']{1,128}:"
            r"(?P<secret>[^\s\"']{4,})"
        ),
    ),
    (
        "Cookie",
        re.compile(
            r"(?i)\b(?:set-)?cookie\\{0,8}[\"']?\s*:\s*\\{0,8}[\"']?"
            r"(?P<secret>[\w.-]{1,128}=[^\s\"';\\]{8,}(?:;\s*[\w.-]{1,128}=[^\s\"';\\]+)*)"
        ),
    ),
    (
        "Password hash",
        re.compile(
            r"\$(?:2[abxy]?|[1567y]|argon2(?:id?|d)|pbkdf2-sha\d{1,3}|scrypt)\$[\w./+=,$-]{20,256}"
        ),
    ),
    ("Bearer token", re.compile(r"(?i)\bbearer\s+(?P<secret>[\w.~+/-]{16,}=*)")),
    (
        "Basic Auth Credentials",
        re.compile(r"(?i)\bbasic\s+(?P<secret>[A-Za-z0-9+/]{12,}={0,2})(?!\w)"),
    ),
    (
        "Basic Auth Credentials",
        re.compile(r"(?<=[\w+.-])://[^\s/:@\"']*:(?P<secret>[^\s/\"']+)@"),
    ),
    (
        "Secret in a URL",
        re.compile(
            r"(?i)[?&](?:access_token|api_?key|auth|key|password|secret|sig|signature|token)="
            r"(?P<secret>[^&\s\"']{6,})"
        ),
    ),
)
_LINEAR: Final = {
    r"(?: *)(?:=|:|:=|=>| +|::)(?: *)": r"(?: *(?:=>|::|:=|=|:) *| +)",
    r"\/\/.+\/:_authToken=": "/:_authToken=",
    r"sk-[A-Za-z0-9-_]*[": "sk-[A-Za-z0-9-_]{0,256}[",
    r"eyJ[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.?[A-Za-z0-9-_.+/=]*?": (
        r"(?<![\w=-])(?>[\w=-]*?(?=eyJ))(eyJ[\w=-]+\.[\w=-]+\.?)"
    ),
}
"""Slow parts of detect-secrets' rules, and parts that find the same in proportion to a text.

The first has three runs of blanks, which may be parted anyhow.
"""
_NEEDED: Final = ("T3BlbkFJ", "_authToken")
"""Rules of detect-secrets with one of these run only over texts that hold it: they are slow."""
_HOME: Final = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\{1,8}Users\\{1,8})[^/\\\s\"'`:;,<>|()]+")


SECRET_LENGTH_MIN: Final = 8


class Redaction:
    """Takes secrets out of texts by the rules of detect-secrets and a few of our own.

    A secret becomes `[redacted: KIND]`, the home of a person `~`. With `secrets` off only homes are
    changed.
    """

    def __init__(self, *, secrets: bool = True, home: Path | None = None) -> None:
        self.counted: Counter[str] = Counter()
        self._rules = detector_rules() if secrets else ()
        self._secrets = secrets
        own = str(home or Path.home()).rstrip("/")
        self._own = re.compile(re.escape(own) + r"(?=[/\s\"'`:;,)]|$)") if len(own) > 1 else None

    def clean(self, text: str) -> str:
        """Return `text` without secrets and personal paths."""
        if self._secrets and is_suspect(text):
            text = self._without_secrets(text)
        if "/" not in text and "\\" not in text:
            return text
        if self._own is not None:
            text = self._own.sub("~", text)
        return _HOME.sub("~", text)

    def value(self, value: Any) -> Any:
        """Return a JSON value whose texts are clean."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, dict):
            return {
                self.clean(str(name)): self._member(str(name), one) for name, one in value.items()
            }
        return value

    def _member(self, name: str, value: Any) -> Any:
        """Return an object's member clean; its name may say that it is a secret."""
        clean = self.value(value)
        if self._secrets and isinstance(value, str) and (named := _SECRET_NAME.search(name)):
            clean = self._replaced_in(f"{named[0]}={clean}").removeprefix(f"{named[0]}=")
        return clean

    def _replaced_in(self, text: str) -> str:
        return ASSIGNED.sub(partial(self._replaced, kind="Secret Keyword"), text)

    def _without_secrets(self, text: str) -> str:
        text = self._without_block_ends(BLOCK.sub(lambda _: self._mark("Private Key"), text))
        for kind, rule in OURS:
            text = rule.sub(partial(self._replaced, kind=kind), text)
        absent = [word for word in _NEEDED if word not in text]
        for kind, rule in self._rules:
            if any(word in rule.pattern for word in absent):
                continue
            text = rule.sub(partial(self._matched, kind=kind), text)
        return self._replaced_in(text)

    def _without_block_ends(self, text: str) -> str:
        """Return a text without the last lines of private keys whose beginning was cut off."""
        parts: list[str] = []
        at = 0
        for end in BLOCK_END.finditer(text):
            parts += [text[at : end.start()].rstrip(_OF_BLOCK), self._mark("Private Key")]
            at = end.end()
        return "".join([*parts, text[at:]]) if parts else text

    def _matched(self, found: re.Match[str], *, kind: str) -> str:
        """Return a match with its secret marked: its last group, or all where that is a prefix."""
        last = found.lastindex or 0
        whole, secret = found[0], found[last]
        if "[redacted" in whole or secret is None:
            return whole
        if len(secret) < SECRET_LENGTH_MIN:
            return self._mark(kind) if len(whole) >= SECRET_LENGTH_MIN else whole
        at = found.start(last) - found.start()
        return whole[:at] + self._mark(kind) + whole[at + len(secret) :]

    def _replaced(self, found: re.Match[str], *, kind: str) -> str:
        """Return what was found with its secret marked; what is marked already stays."""
        if "secret" not in found.re.groupindex:
            return self._mark(kind)
        whole, secret = found[0], found["secret"]
        if secret.startswith(("$", "[redacted", "***", "...")) or "redacted:" in secret:
            return whole
        at = found.start("secret") - found.start()
        if _NUMBER.fullmatch(secret) and _OF_NUMBERS.search(whole[:at]):
            return whole
        return whole[:at] + self._mark(kind) + whole[at + len(secret) :]

    def _mark(self, kind: str) -> str:
        self.counted[kind] += 1
        return f"[redacted: {kind}]"


def is_suspect(text: str) -> bool:
    """Tell quickly whether a text may hold a secret: most hold nothing that looks like one.

    Each rule needs one of these words, or twenty characters in a run of which keys are made.
    """
    lower = text.casefold()
    return (  # Word by word: it runs for every text, and takes half of a generator's time.
        "pass" in lower
        or "secret" in lower
        or "key" in lower
        or "token" in lower
        or "pwd" in lower
        or "auth" in lower
        or "bearer" in lower
        or "basic" in lower
        or "cookie" in lower
        or "curl" in lower
        or "private" in lower
        or "credential" in lower
        or "sig=" in lower
        or "signature=" in lower
        or "xox" in lower
        or "eyJ" in text
        or "AKC" in text
        or ("AP" in text and _ARTIFACTORY.search(text) is not None)
        or ("$" in text and _HASHED.search(text) is not None)
        or ("://" in text and "@" in text)
        or _RUN in text.encode("utf-8", "surrogatepass").translate(_AS_RUNS)
    )


def detector_rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the expressions of detect-secrets' detectors that look for a form."""
    try:
        util = importlib.import_module("detect_secrets.core.plugins.util")
    except ModuleNotFoundError as error:
        raise RedactionMissing(
            "the rules by which secrets are found are not installed",
            fix="pip install 'anabranch[transcripts]', or keep secrets with --no-redact",
        ) from error
    detectors: dict[str, Any] = util.get_mapping_from_secret_type_to_class()
    return tuple(
        (kind, _linear(rule))
        for kind, detector in detectors.items()
        if detector.__name__ not in _LEFT_OUT
        for rule in getattr(detector, "denylist", ())
    )


def _linear(rule: re.Pattern[str]) -> re.Pattern[str]:
    """Return a rule that finds the same, in time in proportion to a text."""
    pattern = rule.pattern
    for slow, linear in _LINEAR.items():
        pattern = pattern.replace(slow, linear)
    return rule if pattern == rule.pattern else re.compile(pattern, rule.flags)
