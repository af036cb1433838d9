"""Whatever is in a file, loading it gives settings or the faults of a configuration, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo.config.load import load
from slo.errors import ConfigError
from slo.kinds import Kinds

HERE = Path(__file__).parent
SEEDS = [
    (HERE / "good" / "everything.yaml").read_bytes(),
    (HERE / "good" / "smallest.yaml").read_bytes(),
    (HERE / "bad" / "everything_at_once.yaml").read_bytes(),
]
TOKENS = [
    *(b"{", b"}", b"[", b"]", b": ", b"- ", b"\n", b"  ", b"\t", b"#", b"|", b">", b"? ", b"'", b'"', b"%", b"@"),
    *(b"&a ", b"*a", b"<<: ", b"!!", b"!x ", b"---\n", b"${", b"${A}", b"${A:-1}", b"$$", b"~", b"null", b"no", b"012"),
    *(b"\x00", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"9" * 40, b"1e999", b"-1"),
    *(b"0s", b"9y", b"999999999y", b"100%", b"0%", b"99.9", b"1:30", b"1ms", b"[]", b"{}", b"probes:\n", b"slos:\n"),
]
KINDS = Kinds.installed()

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 40),
        st.sampled_from(TOKENS) | st.binary(max_size=3) | st.just(b""),
    ),
    min_size=1,
    max_size=8,
)
"""Where in the text, how many bytes are taken away there, and what is put in their place."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "watch.yaml"


@settings(max_examples=150)
@given(st.sampled_from(SEEDS), EDITS)
def test_a_mangled_configuration_is_loaded_or_refused(
    file: Path, seed: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    content = seed
    for share, taken, put in edits:
        at = int(share * len(content))
        content = content[:at] + put + content[at + taken :]
    loads_or_refuses(file, content)


@settings(max_examples=150)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfe")
@example(b"probes")
@example(b"probes: [[], {}, 1, null, {name: {}}, {name: [], type: {}}, {type: http, name: a, url: {}, expect: []}]")
@example(
    b"slos: [{sli: [], burn_policy: {}, labels: [], name: {}, window: [], objective: {}}, {burn_policy: [[], {}, 1]}]"
)
@example(b"routes: 1\nstore: []\nslot: {}\nexternal_url: []\ndestinations: {}")
@example(b"routes: {destinations: [[], {}, 1, null]}")
@example(b"slos: [{labels: {customer: [], environment: {}}}, {labels: 1}, 1]\ncustomers: [1, {name: []}, {name: a}]")
@example(b"slos: [{labels: {customer: a, environment: {}}, group_by: {}}]\ncustomers: [{name: a, tell: 1, hours: []}]")
@example(b"customers: [{hours: {zone: [], week: {mon: {}, tue: [1, []]}, special: [], holidays: {country: {}}}}]")
@example(b"customers: [{hours: {zone: UTC, special: {0000-01-01: 00:00-24:00, 9999-12-31: []}, closed: [1, {}]}}]")
def test_any_bytes_are_loaded_or_refused(file: Path, content: bytes) -> None:
    loads_or_refuses(file, content)


def loads_or_refuses(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        load(file, KINDS, {"PD_ROUTING_KEY": "k"})
    except ConfigError as error:
        refused = error.faults
    else:
        return
    assert refused
    assert all(fault.file == str(file) and "\n" not in str(fault) for fault in refused)
