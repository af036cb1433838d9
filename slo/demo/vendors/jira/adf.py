"""Whether a value is a document in the Atlassian Document Format, as far as it is written here.

Source: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure.
"""

from collections.abc import Mapping

_INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard"})
_BLOCKS = frozenset(
    {"paragraph", "heading", "blockquote", "bulletList", "orderedList", "codeBlock", "panel", "rule", "table"}
)
_CONTENT: Mapping[str, frozenset[str]] = {
    "doc": _BLOCKS,
    "paragraph": _INLINE,
    "heading": _INLINE,
    "blockquote": frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"}),
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": frozenset({"paragraph", "bulletList", "orderedList", "codeBlock"}),
    "codeBlock": frozenset({"text"}),
}
_NOT_EMPTY = frozenset({"blockquote", "bulletList", "orderedList", "listItem"})
_MARKS = frozenset({"strong", "em", "code", "link", "strike", "underline"})


def is_document(value: object) -> bool:
    """Whether Jira would take it as a body."""
    return isinstance(value, dict) and value.get("type") == "doc" and value.get("version") == 1 and _is_node(value)


def _is_node(node: object) -> bool:
    if not isinstance(node, dict):
        return False
    sort = node.get("type")
    if sort == "text":
        text, marks = node.get("text"), node.get("marks", [])
        return isinstance(text, str) and text != "" and all(_is_mark(mark) for mark in marks)
    if not isinstance(sort, str) or sort not in _CONTENT:
        return isinstance(sort, str) and sort in _INLINE | _BLOCKS
    children = node.get("content", [])
    if not isinstance(children, list) or (sort in _NOT_EMPTY and not children):
        return False
    return all(_is_node(child) and child["type"] in _CONTENT[sort] for child in children)


def _is_mark(mark: object) -> bool:
    if not isinstance(mark, dict) or mark.get("type") not in _MARKS:
        return False
    return mark["type"] != "link" or bool(mark.get("attrs", {}).get("href"))
