"""Atlassian Document Format: notices as Jira takes them, and what people wrote there as plain text.

Source: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure. A text node is never empty.
"""

import json
from dataclasses import replace

from slo.router.inbox import items_at, text_at, value_at
from slo.router.notice import Notice

LIMIT = 32_000
"""How long a document may be as JSON: Jira takes 32,767 characters."""

DEPTH_LIMIT = 50

Node = dict[str, object]


def document_of_notice(notice: Notice) -> Node:
    """A notice as a document: what was said is cut where Jira would refuse it for its length."""
    document = _document(notice)
    while len(json.dumps(document)) > LIMIT and notice.said:
        notice = replace(
            notice, said=f"{notice.said[: len(notice.said) * 2 // 3].rstrip('…')}…" if len(notice.said) > 9 else ""
        )
        document = _document(notice)
    return document


def plain_text(body: object) -> str:
    """The text of a body: a document, or the plain text that Jira's webhooks have in its place."""
    if isinstance(body, str):
        return body
    return _text_in(body, DEPTH_LIMIT).strip("\n")


def _document(notice: Notice) -> Node:
    state: Node = {"type": "text", "text": f"{notice.state.shape} {notice.state.word}", "marks": [{"type": "strong"}]}
    content: list[object] = [_paragraph(state, _text(f": {notice.headline}"))]
    if notice.said:
        lines = [_paragraph(*([_text(line)] if line else [])) for line in notice.said.split("\n")]
        content.append({"type": "blockquote", "content": lines})
    if notice.facts:
        facts = [
            {"type": "listItem", "content": [_paragraph(_text(f"{name}: {value}"))]} for name, value in notice.facts
        ]
        content.append({"type": "bulletList", "content": facts})
    if notice.url:
        link: Node = {"type": "link", "attrs": {"href": notice.url}}
        content.append(_paragraph({"type": "text", "text": "The incident in Watchkeep", "marks": [link]}))
    return {"type": "doc", "version": 1, "content": content}


def _paragraph(*content: Node) -> Node:
    return {"type": "paragraph", "content": list(content)}


def _text(text: str) -> Node:
    return {"type": "text", "text": text}


_BLOCKS = frozenset({"paragraph", "heading", "codeBlock", "listItem", "tableRow", "rule", "hardBreak"})


def _text_in(node: object, depth: int) -> str:
    """The text of a node, its blocks on lines of their own; what lies deeper than anybody writes is left out."""
    if depth < 1:
        return ""
    sort = text_at(node, "type")
    said = text_at(node, "text") or text_at(value_at(node, "attrs"), "text")
    said += "".join(_text_in(child, depth - 1) for child in items_at(node, "content"))
    return f"{said}\n" if sort in _BLOCKS and not said.endswith("\n") else said
