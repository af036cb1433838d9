"""A storm of alerts, and pages within it, sent as Prometheus sends them: the same for each router that is measured."""

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BATCH = 64
"""How many alerts Prometheus sends at once."""

SPACING_SECONDS = 1.05
"""The time between two pages: not a whole slot, so that they come at as many places of it, and under 60 a minute."""

AGAIN_SECONDS = 1.0
"""When what was refused is sent again."""

MOST_REFUSALS = 120

LASTS = timedelta(hours=1)
PAGE_NAME = re.compile(r"gate-p0-\d+")

Alert = Mapping[str, object]


def others(count: int, at: datetime) -> list[Alert]:
    """So many alerts that page nobody: 20 rules, 10 customers, 100 services, instances that are all different."""
    return [
        _alert(
            at,
            alertname=f"Disk{index % 20}Filling",
            severity="warning",
            customer=f"customer-{index // 100 % 10}",
            environment="staging" if index % 7 == 0 else "production",
            service=f"service-{index % 100}",
            instance=f"10.{index // 65536}.{index // 256 % 256}.{index % 256}:9100",
        )
        for index in range(count)
    ]


def page(number: int, at: datetime) -> Alert:
    """An alert that pages, as a P0, about a service of its own: by its name the page is found again."""
    return _alert(
        at,
        alertname="GateDown",
        severity="page",
        customer="acme",
        environment="production",
        service=f"gate-p0-{number}",
    )


def batches(alerts: Sequence[Alert], size: int = BATCH) -> Iterator[Sequence[Alert]]:
    """The alerts in their order, so many at once."""
    return (alerts[begin : begin + size] for begin in range(0, len(alerts), size))


def named(text: str) -> str:
    """The service that a page is about, found in whatever was made of it; empty where there is none."""
    found = PAGE_NAME.search(text)
    return found[0] if found else ""


@dataclass(slots=True, kw_only=True)
class Sent:
    """What was sent: when each page was posted first (Unix seconds, by service), and how often one was refused."""

    began: float = 0.0
    pages: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    storm_seconds: float = 0.0


def send(address: str, token: str, *, alerts: int, seconds: float, pages: int) -> Sent:
    """Send the storm, spread over so many seconds, and the pages meanwhile; return when all was taken."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    sent = Sent(began=time.time())
    now = datetime.now(UTC)
    bodies = [json.dumps(batch) for batch in batches(others(alerts, now))]

    def storm() -> None:
        for number, body in enumerate(bodies):
            _sleep_until(sent.began + seconds * number / len(bodies))
            sent.refused += _post(address, headers, body)
        sent.storm_seconds = time.time() - sent.began

    def page_people() -> None:
        for number in range(pages):
            _sleep_until(sent.began + SPACING_SECONDS * (number + 1))
            alert = page(number, datetime.now(UTC))
            sent.pages[named(json.dumps(alert))] = time.time()
            sent.refused += _post(address, headers, json.dumps([alert]))

    with ThreadPoolExecutor(2) as pool:
        for sending in [pool.submit(storm), pool.submit(page_people)]:
            sending.result()
    return sent


def _post(address: str, headers: Mapping[str, str], body: str) -> int:
    """Post a body until there is room for what is in it; how often there was none."""
    refused = 0
    while True:
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request("POST", "/api/v2/alerts", body, headers)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        connection.close()
        if answer.status == 200:
            return refused
        refused += 1
        if answer.status != 503 or refused > MOST_REFUSALS:
            raise SystemExit(f"alerts were refused with {answer.status}: {said}")
        time.sleep(AGAIN_SECONDS)


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def _alert(at: datetime, **labels: str) -> Alert:
    summary = f"{labels['alertname']} at {labels['service']}"
    return {
        "labels": labels,
        "annotations": {"summary": summary, "runbook_url": f"https://runbooks.example/{labels['alertname']}"},
        "startsAt": at.isoformat(),
        "endsAt": (at + LASTS).isoformat(),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
    }
