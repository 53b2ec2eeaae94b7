"""Secrets and homes taken out of texts; what only looks a little like one stays."""

from __future__ import annotations

from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies

from anabranch.importers.mapping import redaction
from anabranch.importers.mapping.redaction import Redaction
from tests.support.made_up_secrets import AWS_KEY, GITHUB_TOKEN
from tests.support.rounds import examples

if TYPE_CHECKING:
    import re

# Put together here, so that no scanner takes this file for one that holds secrets.
KEY = "MIIE" + "vQIBADANBgkq" * 4
SECRETS = {
    AWS_KEY: "AWS Access Key",
    GITHUB_TOKEN: "GitHub Token",
    "xoxb-" + "123456789012-123456789012-" + "aBcDeFgHiJkLmNoPqRsTuVwX": "Slack Token",
    "sk-ant-" + "api03-" + "abcDEF123_-" * 4: "Anthropic API key",
    "sk-proj-" + "abcDEF123" * 5: "OpenAI Token",
    "$6" + "$rounds=5000$saltsalt$" + "aB3/dEf.hIj" * 6: "Password hash",
    "$argon2id" + "$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$" + "aB3dEfhIj" * 4: "Password hash",
    "AIza" + "SyA-1234567890abcdefghijklmnopqrstu": "Google API key",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----": "Private Key",
}


ALL_RULES = [
    redaction.BLOCK,
    redaction.ASSIGNED,
    *(rule for _, rule in redaction.OURS),
    *(rule for _, rule in redaction.detector_rules()),
]

REPEATED = [
    "0123456789abcdef",
    "token",
    "api_key_",
    "key-a",
    "a.",
    "password:",
    "token=====",
    "token ",
    "a://",
    "a://b:",
    "a:b@",
    "://:a@",
    "--a-a-token ",
    "-u a",
    "cookie: a=",
    "basic ",
    "-----BEGIN A ",
    "$6$",
    "$argon2id$a",
    " ",
    "\n",
    "\"'",
    "\\",
    "a",
    "key" + 24 * " ",
    "QUJDREVGR0hJSktM0aZ9+/",
    "eyJ",
    "//a/",
    "sk-a",
    "aws ",
    "xoxb-1-",
]
FIRST = {" ": "key"}
LAST = {"sk-a": "T3BlbkFJ", "//a/": ":_authToken="}


@pytest.mark.parametrize(("secret", "kind"), SECRETS.items(), ids=SECRETS.values())
def test_a_secret_is_replaced_by_its_kind_and_counted(secret: str, kind: str) -> None:
    """Wherever it stands in the text, and as often as it does."""
    redaction = Redaction()

    clean = redaction.clean(f"Put {secret} there.\nAnd {secret} here.")

    assert secret not in clean
    assert KEY not in clean
    assert clean.count(f"[redacted: {kind}]") == 2
    assert redaction.counted[kind] >= 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgres://keeper:f0ghorn@pier:5432/db", "postgres://keeper:[redacted"),
        ("DB_PASSWORD=hunter2-and-more", "DB_PASSWORD=[redacted"),
        ('"api_key": "0123456789abcdef"', '"api_key": "[redacted'),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer [redacted"),
        ("https://pier/x?token=abcdef012345&y=1", "https://pier/x?token=[redacted"),
        (
            "postgres://keeper:f0gh@rn@pier/db",
            "postgres://keeper:[redacted: Basic Auth Credentials]@p",
        ),
        ('{"a": "{\\"api_key\\": \\"0123456789ab\\"}"}', '{"a": "{\\"api_key\\": \\"[redacted'),
        (
            "login --password f0ghorn-9 --host pier",
            "login --password [redacted: Secret in a command] -",
        ),
        (
            "curl -u keeper:f0ghorn https://pier",
            "curl -u keeper:[redacted: Basic Auth Credentials] h",
        ),
        ("Cookie: sid=0123456789; theme=dark", "Cookie: [redacted: Cookie]"),
        ('"Set-Cookie": "sid=0123456789; Path=/"', '"Set-Cookie": "[redacted: Cookie]'),
        ("Authorization: f0ghorn-9-horn", "Authorization: [redacted"),
    ],
)
def test_only_the_secret_of_an_assignment_goes(text: str, left: str) -> None:
    """The name before it stays, so that one sees what it was."""
    clean = Redaction().clean(text)

    assert clean.startswith(left)


@pytest.mark.parametrize(
    "text",
    [
        "The password is checked by the keeper, the token is spent.",
        "Commit 3f786850e387550fdab836ed7e6dc881de23001b fixes session 11111111-1111-4111-8111-111111111111.",
        "export TOKEN=$GITHUB_TOKEN",
        "See https://example.com/a/b?page=2 and tests/unit/importers/test_redaction.py",
        "key: value",
        "Use --password or --token to log in; sudo -u keeper:crew runs it.",
        "docker run --user 1000:1000 image",
        "See http://pier:8080/a and mail a@b.org; the cookie: it is sweet.",
        "const secret_santa = draw(names);",
        "awk '{print $1$2, $6$7}' and cp $1 $2",
        "use secret_manager_configuration_loader",
        "run --secret my_secret_name --token TOKEN_NAME --token @file.txt",
        "run --max-new-token 4096000",
        "authorization: role-based",
        '{\\"total_tokens\\": 1234567}',
        "token_count: 1234567",
        "xai-grok-4-fast-reasoning-latest-2",
        "pplx-llama-3-sonar-large-32k-online",
        "_authors: foo-bar-baz",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Sentences about passwords, hashes of commits, ids and names of variables."""
    redaction = Redaction()

    assert redaction.clean(text) == text
    assert not redaction.counted


def test_the_end_of_a_private_key_is_one_whose_beginning_was_cut_off() -> None:
    """Also where its lines stand in a JSON text; what stands before it stays."""
    end = "-----END RSA PRIVATE" + " KEY-----"
    redaction = Redaction()

    clean = redaction.clean(f'The rest was: {KEY}\n{KEY}\n{end}\nand "{KEY}\\n{end}" too.')

    mark = "[redacted: Private Key]"
    assert clean == f'The rest was: {mark}\nand "{mark}" too.'
    assert redaction.counted == {"Private Key": 2}


def test_the_name_of_a_member_says_that_its_value_is_a_secret() -> None:
    """Of an object that is no text, name and value are looked at together."""
    clean = Redaction().value({"env": {"DB_PASSWORD": "f0ghorn-9", "DB_USER": "keeper-9"}})

    assert clean == {"env": {"DB_PASSWORD": "[redacted: Secret Keyword]", "DB_USER": "keeper-9"}}


@pytest.mark.parametrize(
    "member",
    [
        {"tokenizer": "gpt-4o"},
        {"token_type": "bearer-jwt"},
        {"secret_name": "db-main"},
        {"api_key_header": "X-Api-Key"},
        {"_authors": "foo-bar-baz"},
        {"max_tokens": "128000"},
        {"authorization": "role-based"},
    ],
    ids=lambda member: next(iter(member)),
)
def test_a_name_that_only_begins_as_one_of_a_secret_hides_nothing(member: dict[str, str]) -> None:
    """It must end in the word of a secret."""
    assert Redaction().value(member) == member


@pytest.mark.parametrize(
    "name",
    [
        "apiKey",
        "aws_secret_access_key",
        "authToken",
        "PASSWORD_2",
        "credentials",
        "_auth",
        "Authorization",
        "client-secret",
        "tokens",
    ],
)
def test_a_name_that_ends_in_the_word_of_a_secret_hides_its_value(name: str) -> None:
    """As it is written, with a number behind it or without."""
    assert Redaction().value({name: "f0ghorn-9"}) == {name: "[redacted: Secret Keyword]"}


def test_a_secret_by_its_members_name_is_cleaned_as_any_text_too() -> None:
    """It may hold another secret, and a home."""
    other = "sk-ant-" + "a1B2c3D4e5" * 3

    clean = Redaction().value({"token": f"first-1 {other} /home/alice/x"})

    kinds = ("Secret Keyword", "Anthropic API key")
    assert clean == {"token": " ".join([*(f"[redacted: {kind}]" for kind in kinds), "~/x"])}


@pytest.mark.parametrize("prefix", ["xai-", "r8_", "dop_v1_", "hvs.", "glsa_", "secret_"])
def test_a_token_is_known_by_its_prefix(prefix: str) -> None:
    """Those of providers for which the rules of detect-secrets have none."""
    clean = Redaction().clean("Take " + prefix + "a1B2c3D4e5" * 4 + " now.")

    assert clean == "Take [redacted: API token] now."


def test_a_token_of_the_web_is_found_within_a_word() -> None:
    """What stands before it stays, also where that is of the letters of a token."""
    token = ".".join(["eyJ" + "a1B2c3D4e5", "eyJ" + "f6G7h8I9j0"])

    clean = Redaction().clean(f"It is x={token} and eyJ_no.")

    assert clean == "It is x=[redacted: JSON Web Token] and eyJ_no."


def test_homes_become_a_tilde_also_where_secrets_are_kept() -> None:
    """On every system; the rest of the path stays."""
    redaction = Redaction(secrets=False, home=Path("/srv/keeper"))

    clean = redaction.clean(
        "/home/ada/log.txt /Users/ada/x C:\\Users\\ada\\y C:\\\\Users\\\\ada\\\\w /srv/keeper/z /srv/keepers DB_PASSWORD=hunter22"
    )

    assert clean == "~/log.txt ~/x ~\\y ~\\\\w ~/z /srv/keepers DB_PASSWORD=hunter22"


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.pattern[:30])
def test_no_rule_finds_anything_in_a_text_that_is_not_looked_at(rule: re.Pattern[str]) -> None:
    """The quick look before the rules hides nothing from them."""

    @settings(max_examples=examples(15), deadline=None, database=None)
    @given(strategies.from_regex(rule, alphabet=strategies.characters(max_codepoint=126)))
    def check(text: str) -> None:
        assert redaction.is_suspect(text)

    check()


@pytest.mark.parametrize("repeated", REPEATED)
def test_the_rules_take_time_in_proportion_to_a_text(repeated: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four times."""
    short, long = (
        FIRST.get(repeated, "") + repeated * (size // len(repeated)) + LAST.get(repeated, "")
        for size in (2_500, 20_000)
    )

    slow = [
        rule.pattern
        for rule in ALL_RULES
        if _taken_s(rule, long) > 24 * max(_taken_s(rule, short), _CLOCK_S)
    ]

    assert slow == []


_CLOCK_S = 0.000_2
"""Less than this is no measure."""


def _taken_s(rule: re.Pattern[str], text: str) -> float:
    taken: list[float] = []
    for _ in range(3):
        began = thread_time()
        rule.sub("", text)
        taken.append(thread_time() - began)
    return min(taken)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("_authToken", "//registry.example/:_authToken=" + "npm_" + "a1B2c3D4e5" * 4),
        ("T3BlbkFJ", "ask-" + "a1B2c3D4e5" * 2 + "T3BlbkFJ" + "a1B2c3D4e5" * 2),
    ],
)
def test_a_slow_rule_runs_over_texts_that_hold_its_word(word: str, text: str) -> None:
    """It has that word, and finds its secrets as before."""
    slow = [rule for _, rule in redaction.detector_rules() if word in rule.pattern]

    clean = Redaction().clean(text)

    assert slow
    assert "a1B2c3D4e5" not in clean
