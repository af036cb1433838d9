"""The watcher is watched: a page finds another way, a broken path is an incident until it is mended, and beats come."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from slo.core.paths import DELIVERY
from tests.e2e.pagerduty import beside
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx


@contextlib.contextmanager
def dead_mans_switch() -> Iterator[tuple[str, list[str]]]:
    """An address, and what was asked there."""
    asked: list[str] = []

    class Switch(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody wants to read it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Switch)
    thread = threading.Thread(target=server.serve_forever, name="switch")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/ping", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def about_paths(watch: Watch, status: str) -> list[dict[str, Any]]:
    return [each for each in watch.incidents() if each["slo"] == DELIVERY and each["status"] == status]


def test_a_page_finds_the_second_key_and_the_broken_path_is_an_incident_until_it_is_mended(
    watch: Watch, nginx: StartNginx, tmp_path: Path
) -> None:
    endpoint = nginx()
    with beside(tmp_path / "first", tmp_path / "second") as (first, second), dead_mans_switch() as (url, asked):
        config = configuration(first.destination(fallback="second", deadline="2s"), port=endpoint.port)
        switch = {"name": "switch", "type": "heartbeat", "url": url, "interval": "10s"}
        config["destinations"] += [second.destination("second"), switch]
        watch.configure(config)
        watch.start()
        watch.good()
        until("a beat", lambda: asked)

        first.down()
        endpoint.stop()
        until("the page at the second key", lambda: second.accepted("trigger"))
        (broken,) = until("the incident of the path", lambda: about_paths(watch, "triggered"))
        assert (broken["scope"], broken["priority"]) == ("oncall", "P0")
        until("its page", lambda: len(second.incidents) == 2)
        watch.kill()
        watch.start()
        assert about_paths(watch, "triggered")
        before = len(asked)
        until("a beat of the next process", lambda: len(asked) > before)

        first.up()
        endpoint.start()
        until("the end of the incident of the path", lambda: about_paths(watch, "resolved"))
        until("the end at the first key", lambda: first.accepted("resolve"))
        until("the end at the second key", lambda: len(second.accepted("resolve")) >= 2)
        assert watch.sample('watchkeep_path_broken{destination="oncall"}') == 0
        assert watch.stop() == 0

        # A kill after the second key took a page, and before that was on record, has it sent again: under the same key.
        keys = dict.fromkeys(event["dedup_key"] for event in second.accepted("trigger"))
        assert list(keys) == [FIRST_KEY, f"-:{DELIVERY}:oncall:g1"]
        assert {event["dedup_key"] for event in first.accepted("trigger")} == {FIRST_KEY}
        assert {incident["status"] for incident in second.incidents} == {"resolved"}
