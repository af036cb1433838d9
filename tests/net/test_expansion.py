"""Templates are filled in as Go's `Regexp.Expand` would."""

import pytest

from slo.config.pattern import Pattern
from slo.net.expansion import expanded

MATCH = Pattern.compile(r"(?P<code>\d+)[ -](\w+)?(?P<späť>!)?").search("say 220-ready")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no place", "no place"),
        ("${1} $2", "220 ready"),
        ("$0", "220-ready"),
        ("${code}/$code", "220/220"),
        ("$1st", ""),
        ("${1}st", "220st"),
        ("[$3][${späť}][$4][$99][$no]", "[][][][][]"),
        ("$01 ${00}", " "),
        ("$999999999999", ""),
        ("$$1 $$$$ $$${1}", "$1 $$ $220"),
        ("$ $, ${ ${} ${1 $}", "$ $, ${ ${} ${1 $}"),
        ("${1 }", "${1 }"),
    ],
)
def test_places_are_filled_in(template: str, text: str) -> None:
    assert expanded(template, MATCH) == text
