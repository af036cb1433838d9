"""The issues of the stand-in for Jira: a fold over what was asked and what people did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Effect = dict[str, Any]

WAITING_FOR_SUPPORT = "Waiting for support"
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
CATEGORIES = {
    WAITING_FOR_SUPPORT: "indeterminate",
    "In progress": "indeterminate",
    "Waiting for customer": "indeterminate",
    "Resolved": "done",
}
TRANSITIONS = {
    "11": ("Start work", "In progress"),
    "21": ("Resolve this issue", "Resolved"),
    "31": ("Respond to customer", "Waiting for customer"),
    "41": ("Respond to support", WAITING_FOR_SUPPORT),
}


@dataclass(slots=True)
class Issue:
    """One issue, with its comments, oldest first."""

    id: str
    key: str
    fields: dict[str, Any]
    created: str
    creator: dict[str, Any]
    properties: list[dict[str, Any]]
    status: str = WAITING_FOR_SUPPORT
    seen_at: float = 0.0
    comments: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """The issue as webhooks show it."""
        status = {"name": self.status, "statusCategory": {"key": CATEGORIES[self.status]}}
        fields = self.fields | {"created": self.created, "creator": self.creator, "status": status}
        return {"id": self.id, "key": self.key, "fields": fields}

    def properties_among(self, wanted: Sequence[str]) -> dict[str, Any]:
        """Its properties of these names, as a search shows them."""
        return {each["key"]: each["value"] for each in self.properties if each["key"] in wanted}

    def transitions(self) -> list[dict[str, Any]]:
        """What can be done with it from its status."""
        return [
            {"id": number, "name": name, "to": {"name": to}}
            for number, (name, to) in TRANSITIONS.items()
            if to != self.status
        ]


class Issues:
    """All issues of one project."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.by_key: dict[str, Issue] = {}
        self._last = 10_000

    def next_id(self) -> str:
        """The id of what comes next: of issues, comments and changes alike."""
        return str(self._last + 1)

    def next_key(self) -> str:
        """The key of the next issue."""
        return f"{self.project}-{len(self.by_key) + 1}"

    def apply(self, effect: Effect, now: float) -> None:
        """Take an effect in; `now` is from when a search may find it, before its lag."""
        self._last = max(self._last, int(effect["id"]))
        if effect["do"] == "create":
            self.by_key[effect["key"]] = Issue(
                id=effect["id"],
                key=effect["key"],
                fields=effect["fields"],
                properties=effect["properties"],
                created=effect["at"],
                creator=effect["by"],
                seen_at=now,
            )
            return
        issue = self.by_key[effect["key"]]
        if effect["do"] == "comment":
            issue.comments.append(effect["comment"] | {"id": effect["id"], "author": effect["by"]})
        elif effect["field"] == "status":
            issue.status = effect["to"]
        else:
            issue.fields = issue.fields | {"priority": {"name": effect["to"]}}
