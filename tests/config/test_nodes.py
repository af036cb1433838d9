"""YAML is read with the place of everything, and nothing in a file can do more than be refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.config.nodes import LARGEST, Node, Place, documents, parse
from slo.config.source import read


def parsed(text: str) -> tuple[Node | None, list[str]]:
    told: list[str] = []
    node = parse(
        text,
        file="f",
        environ={},
        tell=lambda place, problem, mend: told.append(f"{place.line}:{place.column}: {problem}, {mend}"),
    )
    return node, told


TEXTS = st.text(max_size=12).filter(lambda text: "$" not in text)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)


@given(st.dictionaries(TEXTS, DOCUMENTS, min_size=1, max_size=4), st.booleans())
def test_a_document_is_read_as_pyyaml_reads_it(document: dict[str, Any], flow: bool) -> None:  # noqa: FBT001  drawn
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=False)
    node, told = parsed(text)
    assert told == []
    assert node
    assert node.data() == yaml.safe_load(text)


def test_every_value_and_every_key_knows_its_place() -> None:
    node, told = parsed("probes:\n  - name: gate\n    expect: {status: [200,\n      204]}\n")
    assert told == []
    assert node
    assert isinstance(node.value, dict)
    assert node.keys["probes"] == Place("f", 1, 1)
    assert isinstance(node.value["probes"].value, list)
    gate = node.value["probes"].value[0]
    assert gate.place == Place("f", 2, 5)
    assert gate.keys["expect"] == Place("f", 3, 5)
    assert isinstance(gate.value, dict)
    status = gate.value["expect"].value
    assert isinstance(status, dict)
    assert isinstance(status["status"].value, list)
    assert [item.place for item in status["status"].value] == [Place("f", 3, 23), Place("f", 4, 7)]


def test_a_merged_key_keeps_the_place_where_it_is_written_and_gives_way_to_the_mapping_s_own() -> None:
    node, told = parsed("a: &a {x: 1, y: 2}\nb: &b {x: 3, z: 4}\nc: {<<: [*a, *b], y: 5}\n")
    assert told == []
    assert node
    assert isinstance(node.value, dict)
    assert node.value["c"].data() == {"y": 5, "x": 1, "z": 4}
    assert node.value["c"].keys == {"y": Place("f", 3, 19), "x": Place("f", 1, 8), "z": Place("f", 2, 14)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [*a]", "1:8: *a lies inside what it stands for, write the value out"),
        ("a: *b", "1:4: there is no anchor &b before this, write the value out, or anchor it"),
        ("a: 1\na: 2", "2:1: is set twice, first on line 1, leave one of them out"),
        ("a: !<%0A> c", "1:4: the tag '\\n' means nothing here, leave it out, and quote what is a text"),
        ("a: !b c", "1:4: the tag '!b' means nothing here, leave it out, and quote what is a text"),
        ("a: !!set {b}", "1:4: the tag 'tag:yaml.org,2002:set' means nothing here, leave it out"),
        ("? [a]\n: b", "1:3: a key must be a single text, write `key: value`, and quote a key that begins with [ or {"),
        ("a: {<<: b}", "1:9: only mappings can be merged with <<, write `<<: *name` of an anchored mapping"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here, write one document a file"),
        ("a: [${B}]", '1:5: a variable stands here without quotes, quote it: inside [ ] and { } write "${NAME}"'),
        ("a: {b: ${C}}", '1:8: a variable stands here without quotes, quote it: inside [ ] and { } write "${NAME}"'),
        ("a: @b", "1:4: a value cannot begin with @, quote the value"),
        ("\ta: b", "1:1: a tab indents this line, indent with spaces"),
        ("a: 'b", "1:4: a quote opens here and never closes, close the quote"),
        ("", "0:0: is empty, write probes and slos into it, as the README shows"),
        ("# nothing", "0:0: is empty, write probes and slos into it, as the README shows"),
    ],
)
def test_what_yaml_offers_and_nobody_should_use_is_told(text: str, told: str) -> None:
    assert parsed(text)[1] == [told]


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "- " * 200_000, "a: " + "{a: " * 200_000, "? " * 200_000])
def test_nesting_without_end_is_refused(text: str) -> None:
    node, told = parsed(text)
    assert node is None
    assert "lies deeper than 50 lists and mappings, write it simpler" in told[0]


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    node, told = parsed("\n".join(lines))
    assert node is None
    assert f"has more than {LARGEST} values in it" in told[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x02\x01\xff\xfe", "1:7: is no text in UTF-8: it holds the byte 0xff"),
        (b"probes:\n  gr\xfc\xdf: 1", "2:5: is no text in UTF-8: it holds the byte 0xfc"),
        (b"probes:\n  - \x00", "2:5: is no text: it holds the control character U+0000"),
        ("a: b".encode("utf-16"), "1:1: is no text in UTF-8: it holds the byte 0xff"),
        (b"a: \x1b[31mred", "1:4: is no text: it holds the control character U+001B"),
    ],
)
def test_a_file_that_is_no_text_is_refused_at_the_byte(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "watch.yaml"
    file.write_bytes(content)
    told: list[str] = []
    source = read(file, {}, lambda place, problem, _mend: told.append(f"{place.line}:{place.column}: {problem}"))
    assert told == [says]
    assert not source.whole


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "watch.yaml"
    file.write_bytes(b"\xef\xbb\xbfslot: 10s\n")
    told: list[str] = []
    assert read(file, {}, lambda _place, problem, _mend: told.append(problem)).data == {"slot": "10s"}
    assert told == []


@given(PRINTABLE | st.text("[]{}:,-?&*!|>'\"%@`#\n\t $ab<", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    node, told = parsed(text)
    assert (node is None) <= bool(told)


def all_documents(text: str) -> tuple[list[object], list[str]]:
    told: list[str] = []
    found = documents(
        text, file="f", tell=lambda place, problem, _mend: told.append(f"{place.line}:{place.column}: {problem}")
    )
    return [node.data() for node in found], told


def test_a_file_of_others_may_hold_many_documents_in_which_a_dollar_is_a_dollar() -> None:
    text = "a: ${B}\n---\n---\n# nothing\n---\nb: [$$, 'x$']\n...\n--- c\n"
    assert all_documents(text) == ([{"a": "${B}"}, {"b": ["$$", "x$"]}, "c"], [])


def test_documents_share_no_anchors_and_none_follows_one_that_cannot_be_read() -> None:
    found, told = all_documents("a: &a 1\n---\nb: *a\n---\nc: [\n---\nd: 1\n")
    assert found == [{"a": 1}, {"b": None}]
    assert told[0] == "3:4: there is no anchor &a before this"
    assert len(told) == 2


@given(PRINTABLE | st.text("[]{}:,-?&*!|>'\"%@`#\n\t $ab<.", max_size=40))
def test_documents_of_any_text_are_read_or_refused(text: str) -> None:
    all_documents(text)
