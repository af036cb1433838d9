"""The prober `http`, done by our kind `http`."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, field_validator, model_validator

from slo.config.cel import CELExpression
from slo.config.content import Content, ContentFile
from slo.config.request import HeaderName, HeaderValue, basic
from slo.config.types import Pattern, Secret, wrong
from slo.config.urls import parted
from slo.interop.blackbox.http_client import (
    AuthorizationOptions,
    BasicAuthOptions,
    HeaderSources,
    OAuth2Options,
    ProxyOptions,
)
from slo.interop.blackbox.section import BlackboxSection, IPOptions, TLSOptions
from slo.net.decoding import Compression

KIND = "http"
PLACEHOLDER = "http://localhost"

UNLIMITED = "1000PB"
"""`body_size_limit: 0`, where the body is only counted."""

LOOKED_AT = "64MiB"
"""The same where the body is looked at, and has to be kept for that."""

_ACCEPT = "accept-encoding"

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGTPE]?)(i?B)?", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//?)")
_USERINFO = re.compile(r"(?:[A-Za-z0-9._~:@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2.0": "2", "HTTP/2": "2"}


def _size(value: object) -> object:
    """A size as the exporter reads it: every unit is a power of 1024."""
    if type(value) is int:
        return value
    match = _SIZE.fullmatch(str(value).strip())
    if not match:
        raise wrong("is no size", "write it as 10MB")
    return int(float(match[1]) * 1024 ** " KMGTPE".index(match[2].upper() or " "))


def _version(value: object) -> object:
    if value not in _VERSIONS:
        raise wrong("is no version of HTTP that is spoken", f"write one of {', '.join(_VERSIONS)}")
    return _VERSIONS[str(value)]


def _its_own(name: str, value: object) -> bool:
    return name in {"content-length", "transfer-encoding"} or (name == "connection" and str(value).lower() == "close")


def _compression(value: object) -> object:
    return str(value).lower() or "identity"


class HeaderOptions(BlackboxSection):
    """One entry of `fail_if_header_matches` or `fail_if_header_not_matches`."""

    header: str = Field(min_length=1)
    regexp: Pattern
    allow_missing: bool = False


class Options(IPOptions, ProxyOptions):
    """What stands under `http`."""

    valid_status_codes: tuple[int, ...] = ()
    valid_http_versions: tuple[Annotated[str, BeforeValidator(_version)], ...] = ()
    method: str = "GET"
    headers: dict[HeaderName, HeaderValue] = Field(default={})
    http_headers: dict[str, HeaderSources] = Field(default={})
    body: Content | None = None
    body_file: ContentFile | None = None
    body_size_limit: Annotated[int, BeforeValidator(_size)] = 0
    compression: Annotated[Compression, BeforeValidator(_compression)] = "identity"
    follow_redirects: bool = True
    no_follow_redirects: bool | None = None
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    fail_if_body_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_body_json_matches_cel: CELExpression | None = None
    fail_if_body_json_not_matches_cel: CELExpression | None = None
    fail_if_header_matches: tuple[HeaderOptions, ...] = ()
    fail_if_header_not_matches: tuple[HeaderOptions, ...] = ()
    tls_config: TLSOptions = TLSOptions()
    basic_auth: BasicAuthOptions | None = None
    authorization: AuthorizationOptions | None = None
    bearer_token: Secret | None = None
    oauth2: OAuth2Options | None = None
    enable_http2: bool = True
    enable_http3: bool = False
    skip_resolve_phase_with_proxy: bool = False

    @field_validator("headers", mode="before")
    @classmethod
    def _without_its_own(cls, value: object) -> object:
        """Without what the exporter sends as it sees fit, whatever is written there."""
        if not isinstance(value, Mapping):
            return value
        return {name: text for name, text in value.items() if not _its_own(str(name).lower(), text)}

    @model_validator(mode="after")
    def _can_be_done(self) -> "Options":
        if self.enable_http3:
            raise wrong("wants HTTP/3, which is not spoken here", "leave enable_http3 out: HTTP/2 and HTTP/1.1 are")
        encodings = next((value.reveal() for name, value in self.headers.items() if name.lower() == _ACCEPT), None)
        named = "compression" in self.model_fields_set
        if encodings is not None and named and not acceptable(self.compression, encodings):
            raise wrong(
                f"has compression: {self.compression}, and an Accept-Encoding that does not take it",
                "name the encoding in both",
            )
        return self

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        followed = self.follow_redirects if self.no_follow_redirects is None else not self.no_follow_redirects
        return {
            **self.ip_keys,
            "method": self.method or "GET",
            "body": self.body,
            "body_file": self.body_file,
            "max_body": self._size_limit,
            "compression": self.compression,
            "follow_redirects": followed,
            "http2": self.enable_http2,
            "tls": self.tls_config,
            "proxy": self.proxy_keys(resolves=self.skip_resolve_phase_with_proxy),
            "oauth2": self.oauth2.keys if self.oauth2 else None,
            "expect": self._expect,
            **self._credentials,
        }

    @property
    def _size_limit(self) -> str:
        if not self.body_size_limit:
            patterns = self.fail_if_body_matches_regexp or self.fail_if_body_not_matches_regexp
            looks = patterns or self.fail_if_body_json_matches_cel or self.fail_if_body_json_not_matches_cel
            return LOOKED_AT if looks else UNLIMITED
        return f"{min(self.body_size_limit, 10**12 - 1)}B"

    @property
    def _expect(self) -> dict[str, object]:
        expect: dict[str, object] = {
            "http_version": self.valid_http_versions,
            "body": self.fail_if_body_not_matches_regexp,
            "body_not": self.fail_if_body_matches_regexp,
            "headers": self._header_rules,
            "cel": self.fail_if_body_json_not_matches_cel,
            "cel_not": self.fail_if_body_json_matches_cel,
        }
        if self.valid_status_codes:
            expect["status"] = self.valid_status_codes
        if self.fail_if_ssl or self.fail_if_not_ssl:
            expect["over_tls"] = self.fail_if_not_ssl
        return expect

    @property
    def _header_rules(self) -> dict[str, tuple[dict[str, object], ...]]:
        rules: dict[str, tuple[dict[str, object], ...]] = {}
        for key, entries in (
            ("matches_not", self.fail_if_header_matches),
            ("matches", self.fail_if_header_not_matches),
        ):
            for entry in entries:
                rule = {key: entry.regexp, "allow_missing": entry.allow_missing}
                rules[entry.header] = (*rules.get(entry.header, ()), rule)
        return rules

    @property
    def _credentials(self) -> dict[str, object]:
        """The headers, and the credentials that are none of them."""
        authorization = self.authorization.keys if self.authorization else None
        return {"headers": self._sent, "authorization": authorization, "bearer_token": self.bearer_token}

    @property
    def _sent(self) -> dict[str, tuple[Secret, ...]]:
        """The headers, with a user and password among them: of these one may be empty there, and none here."""
        sent = {name: header.all for name, header in self.http_headers.items()}
        sent |= {name: (value,) for name, value in self.headers.items()}
        return {**sent, **({"Authorization": (Secret(self.basic_auth.header),)} if self.basic_auth else {})}

    def other_keys(self, target: str, hostname: str) -> dict[str, object]:
        """The header Host, and the credentials that stand in a target.

        These go before all of the module's but a header Authorization and a token of OAuth 2.0, as in Go's client.
        """
        sent, keys = self._sent, dict[str, object]()
        userinfo = parted(url_of(target))[1]
        if userinfo is not None and not self._given("authorization"):
            sent["Authorization"] = (Secret(basic_of(userinfo)),)
            keys = {"headers": sent, "authorization": None, "bearer_token": None}
        if hostname and not (given := self._given("host")):
            sent["Host"] = (Secret(hostname),)
            keys["headers"] = sent
        elif hostname and given != hostname:
            raise ValueError("the parameter hostname is not the Host header of the module: leave one of them out")
        return keys

    def _given(self, wanted: str) -> str:
        """The value of a header of the module; empty without it."""
        return next((value.reveal() for name, value in self.headers.items() if name.lower() == wanted), "")


def acceptable(encoding: str, accepted: str) -> bool:
    """Whether an Accept-Encoding takes an encoding, as the exporter reads it: one of quality 0 is not taken."""
    qualities = {}
    for part in accepted.split(","):
        name, _, quality = part.partition(";")
        qualities[name.strip().lower()] = quality.strip().removeprefix("q=").strip() or "1"
    found = qualities.get(encoding, qualities.get("*", "1" if encoding == "identity" else "0"))
    try:
        return float(found) > 0
    except ValueError:
        return False


def target_of(target: str) -> str:
    """The URL that is meant by a target, without the credentials in it. Raises ValueError for another scheme."""
    return parted(url_of(target))[0]


def url_of(target: str) -> str:
    """The URL that is meant by a target: without a scheme it is http, and spaces in its path are escaped, as Go does.

    Raises ValueError for another scheme, which would be taken for a host, and its credentials for a path.
    """
    scheme = _SCHEME.match(target)
    if scheme is None:
        url = f"http://{target}"
    elif scheme[1].lower() in {"http", "https"} and scheme[2] == "//":
        url = f"{scheme[1].lower()}://{target[scheme.end() :]}"
    elif scheme[2] == "/" and scheme[1].lower() not in {"http", "https"}:
        url = f"http://{target}"  # a host without its port
    else:
        raise ValueError("its scheme is neither http:// nor https://")
    host, slash, path = url.partition("://")[2].partition("/")
    return url.partition("://")[0] + "://" + host + slash + path.replace(" ", "%20")


def basic_of(userinfo: str) -> str:
    """The header Authorization for the credentials in a URL. Raises ValueError for what Go takes for none."""
    if not _USERINFO.fullmatch(userinfo):
        raise ValueError("the user and password in the target hold what has to be escaped, as in %40")
    user, _, password = userinfo.partition(":")
    return basic(*(unquote(part, errors="surrogateescape") for part in (user, password)))
