"""The OpenAPI document, held against the service: it answers made-up requests as it promises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.http.application import described
from tests.support.fixtures.http import served
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch import Memory

pytestmark = pytest.mark.timeout(1800)
EXAMPLES: Final = 10
ENDLESS: Final = "/v1/events/stream"
"""It answers until the client goes; the tests of streams have it."""


@in_full_only
async def test_made_up_requests_get_what_the_document_says(memory: Memory) -> None:
    """Valid ones and broken ones: no unexpected error, no status, type or body that is not named."""
    async with served(memory) as url:
        broken, statuses = await asyncio.to_thread(_asked, url)

    assert broken == {}
    assert statuses >= {200, 400, 404}


def _asked(url: str) -> tuple[dict[str, str], set[int]]:
    """Ask for every operation; return the first fault of each that has one, and all statuses."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema = schemathesis.openapi.from_dict(described())
    found: dict[str, str] = {}
    statuses: set[int] = set()
    for operation in _operations(schema):

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[
                HealthCheck.filter_too_much,
                HealthCheck.data_too_large,
                HealthCheck.too_slow,
            ],
        )
        @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
        def ask(case: Any) -> None:
            answer = case.call_and_validate(
                base_url=url, excluded_checks=[positive_data_acceptance]
            )
            statuses.add(answer.status_code)

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  All are told.
            found[operation.label] = f"{type(error).__name__}: {error}"[:900]
    return found, statuses


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path != ENDLESS:
            yield operation
