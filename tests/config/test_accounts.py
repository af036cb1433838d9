"""What is said of destinations that look for what is theirs in one account of a vendor."""

from pathlib import Path

import pytest

from slo.config.load import load
from slo.kinds import Kinds

FIRST, SECOND = "0" * 32, "1" * 32
MEND = "give each of them its `service`, the id of the service that its routing_key is of"


def pager(name: str, key: str, token: str = "t1", user: str = "PUSER1", service: str = "") -> str:
    own = f", service: {service}" if service else ""
    return (
        f"  - {{name: {name}, type: pagerduty, routing_key: '{key}', api_token: {token}, from_email: a@b.example,"
        f" service_user: {user}{own}}}\n"
    )


PLAIN = f"  - {{name: bare, type: pagerduty, routing_key: '{SECOND}'}}\n"


@pytest.mark.parametrize(
    ("pagers", "warned"),
    [
        ([pager("a", FIRST), pager("b", SECOND)], {"a": "b on line 3", "b": "a on line 2"}),
        ([pager("a", FIRST, service="PA"), pager("b", SECOND)], {"b": "a on line 2"}),
        ([pager("a", FIRST, service="PA"), pager("b", SECOND, service="PB")], {}),
        ([pager("a", FIRST), pager("b", SECOND, token="t2")], {"a": "b on line 3", "b": "a on line 2"}),
        ([pager("a", FIRST), pager("b", SECOND, user="PUSER2")], {"a": "b on line 3", "b": "a on line 2"}),
        ([pager("a", FIRST), pager("b", SECOND, token="t2", user="PUSER2")], {}),
        ([pager("a", FIRST), pager("b", FIRST)], {}),
        ([pager("a", FIRST), PLAIN], {}),
        ([pager("a", FIRST)], {}),
    ],
    ids=[
        *("neither says", "one says", "both say", "another token of one user", "another user of one token"),
        *("two accounts", "one service", "nothing is looked up", "one alone"),
    ],
)
def test_who_shares_an_account_and_does_not_say_which_part_is_its_own_is_warned_of(
    pagers: list[str], warned: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "watch.yaml"
    file.write_text("destinations:\n" + "".join(pagers), encoding="utf-8")
    found = load(file, Kinds.installed(), {}).warnings
    assert {warning.path: (warning.problem, warning.mend) for warning in found} == {
        f"destinations[{name}]": (
            f"is of the same account as {other}, and does not say which part of it is its own",
            MEND,
        )
        for name, other in warned.items()
    }
    assert not any(secret in str(warning) for warning in found for secret in ("t1", "t2", FIRST, SECOND))
