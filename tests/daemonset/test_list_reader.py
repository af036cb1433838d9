"""A list is the same however it arrives, and what is no list is refused wherever it goes wrong."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemonset.documents import ListMetadata
from daemonset.list_reader import ListReader
from daemonset.pod_document import POD, PodDocument
from slo.errors import Fault
from tests.daemonset.making import large_pod, pod
from tests.daemonset.selectors import Document

LONGEST = 100_000


def known(document: Document) -> Document:
    """As the server has it."""
    return {**document, "metadata": {**document["metadata"], "uid": "u", "resourceVersion": "5"}}


PODS = [known(pod("web-1")), known(large_pod("web-2", "n1")), known(pod("wéb-ü-3"))]
METADATA = {"resourceVersion": "7", "continue": "more", "remainingItemCount": 12}


def read(pieces: Sequence[bytes]) -> tuple[list[str], ListMetadata]:
    """The names in a page that arrives in pieces, and its metadata."""
    names: list[str] = []

    def take(document: PodDocument) -> None:
        names.append(document.metadata.name)

    reader = ListReader(POD, take, what="a list", longest=LONGEST)
    for piece in pieces:
        reader.feed(piece)
    return names, reader.end()


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """The content in pieces."""
    ends = [*sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]


WHOLE = {
    "as the server writes it": json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": METADATA, "items": PODS}),
    "in another order": json.dumps({"items": PODS, "other": [1.5, None, {"items": []}], "metadata": METADATA}),
    "with room in between": json.dumps({"metadata": METADATA, "more": -12, "items": PODS}, indent=3) + "\r\n\t ",
    "without escapes": json.dumps({"metadata": METADATA, "items": PODS}, ensure_ascii=False),
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE.keys())
@given(places=st.lists(st.integers(0, 10**6), max_size=20))
def test_a_list_is_the_same_in_any_pieces(text: str, places: list[int]) -> None:
    names, metadata = read(cut(text.encode(), places))
    assert names == ["web-1", "web-2", "wéb-ü-3"]
    assert (metadata.resource_version, metadata.proceed) == ("7", "more")


def test_byte_by_byte() -> None:
    content = json.dumps({"metadata": METADATA, "count": 123, "items": PODS[:1]}, ensure_ascii=False).encode()
    assert read([bytes([byte]) for byte in content])[0] == ["web-1"]


@pytest.mark.parametrize("items", ["[]", "[ ]", "null"])
def test_a_list_of_nothing(items: str) -> None:
    names, metadata = read([f'{{"metadata":{{"resourceVersion":"7"}},"items":{items}}}'.encode()])
    assert (names, metadata.proceed) == ([], "")


@given(st.integers(0, 10**6))
def test_a_list_that_is_cut_is_none(place: int) -> None:
    content = WHOLE["as the server writes it"].encode()
    with pytest.raises(Fault) as raised:
        read([content[: place % len(content)]])
    assert raised.value.reason == "malformed"


ONE = json.dumps(PODS[0])
REFUSED = {
    "nothing": "",
    "another value": "[]",
    "two lists": '{"metadata":{"resourceVersion":"7"},"items":[]}{}',
    "no metadata": '{"items":[]}',
    "no version": '{"metadata":{},"items":[]}',
    "items that are none": '{"metadata":{"resourceVersion":"7"},"items":{}}',
    "items that are a text": '{"metadata":{"resourceVersion":"7"},"items":"all"}',
    "no comma between items": f'{{"metadata":{{"resourceVersion":"7"}},"items":[{ONE} {ONE}]}}',
    "a comma and no item": f'{{"metadata":{{"resourceVersion":"7"}},"items":[{ONE},]}}',
    "a comma and no key": '{"metadata":{"resourceVersion":"7"},}',
    "no colon": '{"metadata" {"resourceVersion":"7"}}',
    "an item that is no object": '{"metadata":{"resourceVersion":"7"},"items":[1]}',
    "brackets without end": '{"metadata":{"resourceVersion":"7"},"items":' + "[" * 90_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(Fault) as raised:
        read([text.encode()])
    assert raised.value.reason == "malformed"
    assert raised.value.detail.startswith("a list: ")


def test_what_is_no_text_is_refused() -> None:
    for content in (b'{"metadata": "\xff"', b'{"a": "\xc3'):
        with pytest.raises(Fault, match="UTF-8"):
            read([content])


def test_no_more_is_held_than_one_object_may_have() -> None:
    reader = ListReader(POD, lambda _: None, what="a list", longest=LONGEST)
    reader.feed(b'{"items":[')
    for _ in range(100):
        reader.feed((ONE + ",").encode() * 20)
        assert len(reader._text) - reader._at < LONGEST
    reader.feed(b'{"metadata":"')
    with pytest.raises(Fault) as raised:
        reader.feed(b"x" * LONGEST)
    assert raised.value.reason == "too_large"
