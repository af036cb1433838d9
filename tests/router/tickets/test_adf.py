"""What people wrote in Jira is read as text."""

from typing import Any

from slo.router.tickets.adf import plain_text


def test_a_body_is_read_as_text_whether_it_is_one_or_a_document() -> None:
    assert plain_text("a\nb") == "a\nb"
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in ("a", "b")]
    mention = {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "a1", "text": "@Anna"}}]}
    quoted = {"type": "blockquote", "content": paragraphs}
    assert plain_text({"type": "doc", "version": 1, "content": [quoted, mention]}) == "a\nb\n@Anna"
    deep: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(500):
        deep = {"type": "blockquote", "content": [deep]}
    assert plain_text(deep) == plain_text(None) == plain_text(7) == ""
