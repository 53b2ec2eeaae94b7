"""The codings that a client takes, by the weights of its Accept-Encoding."""

from __future__ import annotations

import pytest

from anabranch.http.codings import takes_gzip


@pytest.mark.parametrize(
    ("given", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZip", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0.001", True),
        ("gzip ; q=0.8 , identity;q=0.8", True),
        ("*;q=0, gzip", True),
        ("identity;q=0, *", True),
        ("identity;q=0, gzip;q=0.1", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, deflate", False),
        ("GZIP;Q=0", False),
        ("*, gzip;q=0", False),
        ("x-gzip;q=0", False),
        ("*;q=0", False),
        ("*", False),
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0, gzip;q=0", False),
        ("deflate, br", False),
        ("gzipped", False),
        ("gzip;q=yes", False),
        ("gzip;q=nan", False),
        ("gzip;q=2", False),
        ("gzip;level=9", False),
        (";;,,;q=1", False),
    ],
)
def test_gzip_is_taken_where_it_is_wanted(given: str, packed: bool) -> None:
    """Not where its weight is nothing, or less than that of a plain answer."""
    assert takes_gzip(given) is packed
