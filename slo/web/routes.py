"""Everything that a watch serves, beside what every process does."""

from aiohttp import web

from slo.web.agents import AgentsAPI
from slo.web.alerts import AlertsAPI
from slo.web.api import API
from slo.web.exclusions import ExclusionsAPI
from slo.web.forwarders import ForwardersAPI
from slo.web.heartbeats import HeartbeatsAPI
from slo.web.outcomes import OutcomesAPI
from slo.web.pages import Pages
from slo.web.probes import ProbesAPI
from slo.web.silences import SilencesAPI
from slo.web.spinnaker import SpinnakerAPI
from slo.web.watch import Watch
from slo.web.webhooks import Webhooks


def routes_of(watch: Watch, *, body_seconds: float) -> list[web.RouteDef]:
    """Every route of a watch with its handler. A body may take `body_seconds` to arrive."""
    return [
        *API(watch, body_seconds=body_seconds).routes(),
        *ProbesAPI(watch).routes(),
        *ExclusionsAPI(watch, body_seconds=body_seconds).routes(),
        *AlertsAPI(watch, body_seconds=body_seconds).routes(),
        *Webhooks(watch, body_seconds=body_seconds).routes(),
        *HeartbeatsAPI(watch, body_seconds=body_seconds).routes(),
        *AgentsAPI(watch).routes(),
        *ForwardersAPI(watch, body_seconds=body_seconds).routes(),
        *OutcomesAPI(watch, body_seconds=body_seconds).routes(),
        *SpinnakerAPI(watch, body_seconds=body_seconds).routes(),
        *SilencesAPI(watch, body_seconds=body_seconds).routes(),
        *Pages(watch).routes(),
    ]
