"""What the `Config` of a forwarder inherits from: which telemetry it gets, and how a request is made over HTTP."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from slo.config.containers import ContainersConfig
from slo.config.identity import LabelName
from slo.config.request import BasicAuth, HeaderName, HeaderValue, refuse_credentials
from slo.config.schema import WholeSeconds
from slo.config.section import KindConfig, Section
from slo.config.tls import TLSSettings
from slo.config.types import MatcherText, PositiveDuration, Secret
from slo.config.urls import HTTPURL
from slo.config.wrong import shown, wrong

_PATTERN = r"^[a-zA-Z_:*][a-zA-Z0-9_:*]*$"

LogSort: TypeAlias = Literal["events", "outcomes", "spinnaker", "containers"]
"""What can be forwarded as logs."""


def _pattern(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value):
        raise wrong(f"{shown(value)} is no name of metrics", "write it as slo_burn_rate, or as slo_* for several")
    return value


MetricPattern = Annotated[
    str, BeforeValidator(_pattern), WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["slo_*"]})
]
"""The name of a metric; `*` stands for any characters."""


OF_ANOTHER_TYPE = "name a forwarder of another type: elk, remote_write or datadog"
"""What to do where a forwarder sends to what cannot be asked what it has."""


class TelemetryConfig(KindConfig):
    """What every forwarder of telemetry has, whatever its type."""

    match: tuple[MatcherText, ...] = ()
    """Whose telemetry it gets: all these matchers hold for the labels of the SLO, the target or the incident. Default:
    everything, which is the telemetry of every customer."""
    metrics: tuple[MetricPattern, ...] = ("slo_*",)
    """The metrics that it gets, by name as on `/metrics`; `*` stands for any characters. The counts of slots go where
    `slo_sli_good_total` is among them."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels that are added to everything. One that is there already stays as it is."""
    interval: WholeSeconds = timedelta(seconds=60)
    """How often metrics are sent, in whole seconds; counts go out as each slot closes."""
    max_age: PositiveDuration = timedelta(days=7)
    """What is older is given up, but for events of incidents. Where the other side takes less, that counts."""

    @property
    def sole(self) -> tuple[object, ...]:
        """What no other forwarder may have as well, where there is such a thing."""
        return ()

    @property
    def to_read_back(self) -> str:
        """What to write so that what is sent can be read back; empty where it can be."""
        return OF_ANOTHER_TYPE


class LogsConfig(TelemetryConfig):
    """What every forwarder has that takes logs too."""

    logs: tuple[LogSort, ...] = ("events", "outcomes")
    """What it gets as logs: `events` of incidents, exclusions and silences, `outcomes` that were not good, what the
    installations under `spinnakers` say (`spinnaker`), and what `containers` write, which agents follow."""
    containers: ContainersConfig | None = None
    """Whose logs it gets, where `logs` has `containers`. `match` says nothing of them."""

    @model_validator(mode="after")
    def _has_containers(self) -> "LogsConfig":
        if "containers" in self.logs and self.containers is None:
            raise wrong("does not say of which containers the logs are", "add `containers: {namespaces: [NAME]}`")
        if self.containers is not None and "containers" not in self.logs:
            raise wrong("says of which containers the logs are, and gets none", "add containers to `logs`")
        return self


class PostingConfig(Section):
    """How requests are made over HTTP."""

    url: HTTPURL
    """Where to."""
    headers: Mapping[HeaderName, HeaderValue] = Field(default={})
    """Headers of every request. They are kept secret."""
    basic_auth: BasicAuth | None = None
    """A user and password to send."""
    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""
    timeout: PositiveDuration = timedelta(seconds=10)
    """When a request is given up, and made again."""
    tls: TLSSettings = TLSSettings()
    """How the server is verified over TLS."""

    @model_validator(mode="after")
    def _agrees(self) -> "PostingConfig":
        refuse_credentials(self.headers, self.basic_auth, self.bearer_token)
        return self
