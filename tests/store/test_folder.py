"""The data folder keeps others out: other users, and other processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from slo.errors import StoreBusy, StoreDamaged, StoreError
from slo.store.folder import DataFolder

HOLD = """
import sys, time
from pathlib import Path
from slo.store.folder import DataFolder
with DataFolder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_and_what_is_made_in_it_are_the_owners_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "deep" / "data") as folder:
        folder.token()
        assert mode(folder.path) == 0o700
        assert {entry.name: mode(entry) for entry in folder.path.iterdir()} == {"lock": 0o600, "token": 0o600}
        assert (folder.journal.name, folder.ledger.name) == ("journal.db", "ledger.db")


def test_a_second_process_is_refused_with_the_pid_of_the_first_and_let_in_after_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreBusy, match=rf"process {holder.pid} holds this data folder: stop it"):
            DataFolder(tmp_path)
        holder.kill()
        holder.wait()
        with DataFolder(tmp_path), pytest.raises(StoreBusy, match="holds this data folder"):
            DataFolder(tmp_path)
    DataFolder(tmp_path).close()


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        folder.close()


def test_the_token_is_long_and_stays_the_same(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        token = folder.token()
        assert len(token) >= 32
        assert folder.token() == token
    with DataFolder(tmp_path) as folder:
        assert folder.token() == token


def test_two_folders_have_two_tokens(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "a") as a, DataFolder(tmp_path / "b") as b:
        assert a.token() != b.token()


def test_a_token_of_ones_own_is_taken_and_closed_to_others(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        (tmp_path / "token").write_text("chosen-by-the-owner-0001\n")
        (tmp_path / "token").chmod(0o644)
        assert folder.token() == "chosen-by-the-owner-0001"
        assert mode(tmp_path / "token") == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short", b"two words are none at all", b"\xff" * 32, b"a" * 20 + b"\0"]
)
def test_what_is_no_token_is_refused_and_never_accepted_as_one(tmp_path: Path, content: bytes) -> None:
    with DataFolder(tmp_path) as folder:
        (tmp_path / "token").write_bytes(content)
        with pytest.raises(StoreDamaged, match="remove the file and a new one is made") as error:
            folder.token()
        assert "short" not in str(error.value)


@pytest.mark.parametrize("inside", [[], ["lost+found"], ["ledger.db", "notes.txt"]])
def test_an_open_folder_that_is_empty_or_ours_is_closed(tmp_path: Path, inside: list[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name in inside:
        (folder / name).touch()
    DataFolder(folder).close()
    assert mode(folder) == 0o700


def test_an_open_folder_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "thesis.txt").touch()
    with pytest.raises(StoreError, match="name a folder of its own with --data"):
        DataFolder(folder)
    assert mode(folder) == 0o755
    assert [entry.name for entry in folder.iterdir()] == ["thesis.txt"]


def test_a_path_that_cannot_be_a_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(StoreError, match=f"{path}: is no folder: name one with --data"):
            DataFolder(path)
