"""What commands know of a running watch: its address, its token, and how to ask it.

Nothing here follows a redirect or uses a proxy: the token goes where --url says, and nowhere else.
"""

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

import click

from slo.cli.faults import in_options
from slo.errors import UsageError, WatchkeepError

DEFAULT_DATA = Path("watchkeep-data")
DEFAULT_URL = "http://127.0.0.1:9990"
TOKEN_VARIABLE = "WATCHKEEP_TOKEN"  # noqa: S105  # the name of a variable
QUIET_SECONDS = 10.0
WHOLE_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
READ_BYTES = 256 * 1024

Document: TypeAlias = Mapping[str, object]
Command = TypeVar("Command", bound=Callable[..., object])
T = TypeVar("T")

PATH = click.Path(path_type=Path)


def watch_options(command: Command) -> Command:
    """The options that name a watch: the command takes them as `url`, `token_file` and `data`."""
    for option in (
        click.option("--data", type=PATH, help="Work on this data folder, while no watch runs on it."),
        click.option("--token-file", type=PATH, help=f"A file with the token; without it, {TOKEN_VARIABLE} has it."),
        click.option("--url", metavar="URL", help=f"Where the watch runs; {DEFAULT_URL} without it."),
    ):
        command = option(command)
    return command


def understood(where: str, read: Callable[[], T]) -> T:
    """What `read` makes of a document. Raises UsageError where that is not as this version knows documents."""
    try:
        return read()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: what answers there is no watch of this version ({type(error).__name__}: {error}): "
            "use the command that came with it"
        ) from error


class Client:
    """Asks one watch. `url` is its address, with a path before it where a proxy has put one.

    Errors are sentences: UsageError where the call has to be another one, WatchkeepError where the watch failed.
    """

    def __init__(self, url: str | None = None, *, token_file: Path | None = None) -> None:
        self.url = (url or DEFAULT_URL).rstrip("/")
        try:
            parts = urlsplit(self.url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _no_address(self.url) from error
        if parts.scheme not in {"http", "https"} or not self._host or parts.query or parts.fragment:
            raise _no_address(self.url)
        if "@" in parts.netloc:
            raise UsageError(f"--url: no name or password in it; give the token with --token-file or {TOKEN_VARIABLE}")
        self._secure = parts.scheme == "https"
        self._prefix = parts.path
        self._token = given_token(token_file)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        """The document at `path`."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, document: Document) -> Document:
        """What the watch answers to this document."""
        return self._ask("POST", path, json.dumps(document).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Document:
        headers = {"Accept": "application/json", "User-Agent": "watchkeep"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        try:
            connection.request(method, self._prefix + path, body=body, headers=headers)
            response = connection.getresponse()
            content = self._read(response)
        except ssl.SSLCertVerificationError as error:
            raise UsageError(f"{self.url}: its certificate is not trusted: {error.verify_message}") from error
        except ConnectionRefusedError as error:
            raise UsageError(
                f"no watch answers at {self.url}: start one with `watchkeep run`, or name the address of one with --url"
            ) from error
        except TimeoutError as error:
            raise UsageError(
                f"{self.url}: no answer within {QUIET_SECONDS:g} s: is it a watch, and is it well?"
            ) from error
        except http.client.HTTPException as error:
            raise self._stranger() from error
        except OSError as error:
            raise UsageError(f"{self.url}: cannot be reached: {error.strerror or error}") from error
        finally:
            connection.close()
        return self._judged(response, content)

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=QUIET_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=QUIET_SECONDS)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole body, unless it takes too long or does not end."""
        ends = time.monotonic() + WHOLE_SECONDS
        content = bytearray()
        while chunk := response.read(READ_BYTES):
            content += chunk
            if len(content) > LARGEST_ANSWER_BYTES or time.monotonic() > ends:
                raise self._stranger()
        return bytes(content)

    def _judged(self, response: http.client.HTTPResponse, content: bytes) -> Document:
        status = response.status
        if 300 <= status < 400:
            to = response.getheader("Location", "somewhere else")
            raise UsageError(f"{self.url}: sends us on to {to}: name the address of the watch itself with --url")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._stranger() from error
        if not isinstance(document, dict):
            raise self._stranger()
        if status < 300:
            return document
        if status == 400 and document.get("faults"):
            raise UsageError(_faults(document))
        sentence = str(document.get("error") or "")
        if not sentence:
            raise self._stranger()
        if status == 401:
            complaint = "refuses this token" if self._token else "wants its token"
            raise UsageError(
                f"{self.url}: {complaint}: give the file `token` in the data folder of that watch with --token-file, "
                f"or its content in {TOKEN_VARIABLE}"
            )
        if status < 500:
            raise UsageError(f"{self.url}: {sentence}")
        raise WatchkeepError(f"{self.url}: {sentence}")

    def _stranger(self) -> UsageError:
        return UsageError(f"{self.url}: what answers there is not a watch: name the address of one with --url")


def _no_address(url: str) -> UsageError:
    return UsageError(f"--url {url}: is no address of a watch: write it as {DEFAULT_URL}")


def _faults(document: Document) -> str:
    """What a request was refused for, fault by fault."""
    faults = document["faults"]
    told = [fault for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []
    return in_options((str(fault.get("path", "")), str(fault.get("problem", ""))) for fault in told)


def given_token(token_file: Path | None) -> str:
    """The token in the file, or in the environment; empty without one. Raises UsageError where it is none."""
    if token_file is None:
        token, place = os.environ.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
        if not token:
            return ""
    else:
        place = f"--token-file {token_file}"
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(f"{place}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{place}: holds no token, but bytes that are no text") from error
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{place}: holds no token: it is one line of visible ASCII characters")
    return token
