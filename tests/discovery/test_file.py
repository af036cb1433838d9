"""Files of targets are read when they are whole, and what they said stays while they are broken."""

import json
import os
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from slo.core.target import Target
from slo.discovery import file as module
from slo.discovery.file import Config, FileDiscovery, build
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.discovery.following import following

EU = [{"targets": ["a.example:80", "b.example:80"], "labels": {"region": "eu", "__meta_host": "x", "empty": ""}}]


def discovery(folder: Path, *files: str) -> FileDiscovery:
    config = Config.model_validate(
        {"files": [*files], "refresh_interval": "100ms"}, context={"folder": folder, "files": set()}
    )
    return build(config, Context.default(SteadyClock()))


def listing(*addresses: str) -> str:
    return json.dumps([{"targets": addresses}])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("targets.json", json.dumps(EU)),
        ("targets.yml", "- targets: [a.example:80, b.example:80]\n  labels: {region: eu, __meta_host: x, empty: ''}\n"),
    ],
)
async def test_targets_with_their_labels(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    async with following(discovery(tmp_path, name)) as followed:
        await followed.again()
        region = (("region", "eu"),)
        assert followed.found == frozenset({Target("a.example:80", region), Target("b.example:80", region)})
        assert followed.faults == []


async def test_files_that_a_pattern_takes_come_change_and_go(tmp_path: Path) -> None:
    async with following(discovery(tmp_path, "*.json", "no/such/folder/*.yml")) as followed:
        await followed.until(lambda it: it.found == frozenset())
        (tmp_path / "one.json").write_text(listing("one"))
        await followed.until(lambda it: it.addresses == ["one"])
        (tmp_path / "two.json").write_text(listing("two", "one"))
        await followed.until(lambda it: it.addresses == ["one", "two"])
        (tmp_path / "one.json").write_text(listing("three"))
        await followed.until(lambda it: it.addresses == ["one", "three", "two"])
        (tmp_path / "two.json").unlink()
        await followed.until(lambda it: it.addresses == ["three"])
        (tmp_path / "next").write_text(listing("four"))
        (tmp_path / "next").rename(tmp_path / "one.json")
        await followed.until(lambda it: it.addresses == ["four"])
        (tmp_path / "one.json").write_text("[]")
        await followed.until(lambda it: it.addresses == [])
        assert followed.faults == []


BROKEN = {
    "cut off": ('[\n {"targets": ["a"]},\n {"tar', "malformed", "one.json:3: it is no JSON"),
    "no list": ('{"targets": []}', "malformed", "one.json:1: it is a list of mappings"),
    "no mapping": (
        '[\n "a"]',
        "malformed",
        "one.json:2: it is a list of mappings with",
    ),
    "an unknown key": ('[{"target": ["a"]}]', "malformed", "one.json:1: 'target' means nothing here"),
    "a number": ('[{"targets": [1]}]', "malformed", "one.json:1: the target 1 is no text"),
    "a label": ('[\n\n{"labels": {"a-b": "c"}}]', "malformed", "one.json:3: 'a-b' is no label name"),
    "a label's value": ('[{"labels": {"a": 1}}]', "malformed", "one.json:1: the label a is 1"),
    "labels": ('[{"labels": []}]', "malformed", "one.json:1: `labels` is a list"),
    "something after it": ('[{"targets": ["a"]}]\n]', "malformed", "one.json:2: it is no JSON"),
    "nothing": ("", "malformed", "one.json:1: it is a list"),
    "deep": ("[" * 100_000, "malformed", "one.json:1: it is"),
    "latin": ("[\xff]", "malformed", "one.json: it is no text in UTF-8"),
    "huge": (" " * 16_000_001, "too_large", "one.json: it is larger than 16000000 bytes"),
    "too many": (listing(*map(str, range(20_001))), "malformed", "one.json:1: there are more than 20000 targets"),
}


@pytest.mark.parametrize(("text", "reason", "detail"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_file_leaves_what_it_said_and_says_where_it_is_broken(
    tmp_path: Path, text: str, reason: str, detail: str
) -> None:
    (tmp_path / "one.json").write_text(listing("good"))
    (tmp_path / "two.json").write_text(listing("two"))
    async with following(discovery(tmp_path, "*.json")) as followed:
        await followed.until(lambda it: it.addresses == ["good", "two"])
        (tmp_path / "one.json").write_text(text, encoding="latin-1")
        await followed.until(lambda it: bool(it.faults))
        assert followed.reasons == [reason]
        assert followed.faults[0].detail.startswith(str(tmp_path / detail))
        (tmp_path / "two.json").write_text(listing("other"))
        await followed.until(lambda it: it.addresses == ["good", "other"])
        (tmp_path / "one.json").write_text(listing("mended"))
        await followed.until(lambda it: it.addresses == ["mended", "other"])
        assert followed.reasons == [reason]


async def test_yaml_says_its_line_too_and_a_file_that_was_never_good_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("- targets: [a]\n- targets: [b\n- targets: [c]\n")
    async with following(discovery(tmp_path, "*.yml", "*.json")) as followed:
        await followed.until(lambda it: bool(it.faults))
        assert followed.faults[0].detail.startswith(f"{tmp_path / 'bad.yml'}:")
        assert followed.found is None
        (tmp_path / "good.json").write_text(listing("good"))
        await followed.until(lambda it: it.addresses == ["good"])


async def test_a_file_that_somebody_is_writing_into_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(listing("first"))
    made = discovery(tmp_path, "one.json")
    assert made._look().unsettled
    assert [target.address for target in made._look().targets] == ["first"]
    text = listing(*(f"target-{number}" for number in range(100)))
    for end in range(10, len(text), 500):
        path.write_text(text[:end])
        look = made._look()
        assert look.unsettled
        assert ([target.address for target in look.targets], look.faults) == (["first"], [])
    path.write_text(text)
    made._look()
    assert len(made._look().targets) == 100


async def test_a_file_that_may_not_be_read_is_broken(tmp_path: Path) -> None:
    (tmp_path / "one.json").mkdir()
    async with following(discovery(tmp_path, "one.json")) as followed:
        await followed.until(lambda it: it.reasons == ["unreadable"])


async def test_a_file_system_that_hangs_is_a_failure_and_takes_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
    (tmp_path / "one.json").write_text(listing("one"))
    made, answers = discovery(tmp_path, "one.json"), threading.Event()
    looks: list[int] = []
    look = made._look

    def hangs() -> module._Look:
        looks.append(1)
        answers.wait(30)
        return look()

    monkeypatch.setattr(made, "_look", hangs)
    async with following(made) as followed:
        await followed.until(lambda it: len(it.faults) >= 3)
        assert (set(followed.reasons), len(looks)) == ({"timeout"}, 1)
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "files"]
        assert thread.daemon, "a process that ends would wait for it"
        answers.set()
        await followed.until(lambda it: it.addresses == ["one"])


async def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(listing("one"))
    made = discovery(tmp_path, "one.json")
    for _ in range(2):
        made._look()
    status = path.stat()
    path.write_text(listing("two"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # its change time tells it all the same
    made._look()
    look = made._look()
    assert [target.address for target in look.targets] == ["two"]


@pytest.mark.parametrize("files", [[], ["targets.txt"], ["targets"]])
def test_what_is_no_file_of_targets_is_refused(files: list[str]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"files": files})
