"""The prober `http`, done by our kind `http`."""

from typing import Literal

from pydantic import Field

from slo.config.request import HeaderName, HeaderValue
from slo.config.types import Pattern, Secret
from slo.interop.blackbox.section import BasicAuthOptions, IPOptions, TLSOptions

KIND = "http"
PLACEHOLDER = "http://localhost"


class Options(IPOptions):
    """What stands under `http`."""

    valid_status_codes: tuple[int, ...] = ()
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    body: Secret | None = None
    follow_redirects: bool = True
    basic_auth: BasicAuthOptions | None = None
    tls_config: TLSOptions = TLSOptions()
    fail_if_body_not_matches_regexp: tuple[Pattern, ...] = ()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        expect: dict[str, object] = {}
        if self.valid_status_codes:
            expect["status"] = self.valid_status_codes
        return {
            **self.ip_keys,
            "method": self.method,
            "headers": self.headers,
            "body": self.body,
            "follow_redirects": self.follow_redirects,
            "tls": self.tls_config,
            "expect": expect,
        }

    def named(self, hostname: str) -> dict[str, object]:
        """The keys that are others where the target is asked under that name."""
        given = {name: value.reveal() for name, value in self.headers.items() if name.lower() == "host"}
        if set(given.values()) - {hostname}:
            raise ValueError("the parameter hostname is not the Host header of the module: leave one of them out")
        return {"headers": {**self.headers, **({} if given else {"Host": Secret(hostname)})}}


def target_of(target: str) -> str:
    """The URL that is meant by a target: without a scheme it is http."""
    return target if target.startswith(("http://", "https://")) else f"http://{target}"
