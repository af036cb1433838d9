"""What options of the prober `http` become, and what is wrong with some."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slo.config.load import load
from slo.errors import ConfigError
from slo.interop.blackbox.http import acceptable, target_of
from slo.kinds import Kinds


def config(folder: Path, http: Mapping[str, object], hostname: str = "") -> Any:
    """The configuration of our kind for a module with these options."""
    path = folder / "blackbox.yml"
    path.write_text(json.dumps({"modules": {"m": {"prober": "http", "http": http}}}))
    return load(path, Kinds.installed(), {}).modules["m"].aimed("http://target.example/", hostname)


def test_the_defaults_are_those_of_the_exporter(tmp_path: Path) -> None:
    made = config(tmp_path, {})
    assert (made.method, made.compression, made.follow_redirects, made.http2) == ("GET", "identity", True, True)
    assert (made.ip_protocol, made.ip_protocol_fallback, made.max_body) == ("ip6", True, 10**18)
    assert made.expect.status == ("2xx",)


@pytest.mark.parametrize(
    ("written", "size"), [("10MB", 10 << 20), ("1KiB", 1024), ("512B", 512), (77, 77), ("0", 10**18)]
)
def test_sizes_are_powers_of_1024(tmp_path: Path, written: object, size: int) -> None:
    assert config(tmp_path, {"body_size_limit": written}).max_body == size


def test_what_looks_like_no_text_is_one_only_where_a_text_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "blackbox.yml"
    path.write_text("modules: {m: {prober: http, http: {body: 0x1F, fail_if_ssl: true, valid_status_codes: [200]}}}")
    made: Any = load(path, Kinds.installed(), {}).modules["m"].aimed("http://target.example/")
    assert (made.body.reveal(), made.expect.over_tls, made.expect.status) == (b"0x1F", False, ("200",))
    options = ("fail_if_ssl: yes", "fail_if_ssl: 'true'", "valid_status_codes: [0x1F]", "valid_status_codes: ['200']")
    for option in options:
        path.write_text(f"modules: {{m: {{prober: http, http: {{{option}}}}}}}")
        with pytest.raises(ConfigError, match=option.partition(":")[0]):
            load(path, Kinds.installed(), {})


def test_a_body_that_is_looked_at_has_a_limit_all_the_same(tmp_path: Path) -> None:
    assert config(tmp_path, {"fail_if_body_matches_regexp": ["x"]}).max_body == 64 << 20


def test_a_body_is_sent_byte_by_byte_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\xff\n")
    assert config(tmp_path, {"body_file": "body"}).body_file.reveal() == b"\xff\n"


def test_headers_come_from_both_keys_and_the_parameter(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    http = {"headers": {"A": "1"}, "http_headers": {"B": {"values": ["2", "3"], "secrets": ["4"]}}}
    made = config(tmp_path, http, "www.example.org")
    sent = {name: tuple(value.reveal() for value in values) for name, values in made.headers.items()}
    assert sent == {"A": ("1",), "B": ("2", "3", "4"), "Host": ("www.example.org",)}
    with pytest.raises(ValueError, match="hostname is not the Host header of the module"):
        config(tmp_path, {"headers": {"host": "a"}}, "b")


def test_a_user_may_have_no_password_there(tmp_path: Path) -> None:
    made = config(tmp_path, {"basic_auth": {"username": "key", "password": ""}})
    assert made.headers["Authorization"][0].reveal() == "Basic a2V5Og=="


def test_the_rules_of_headers_add_up(tmp_path: Path) -> None:
    rules = {
        "fail_if_header_matches": [{"header": "X", "regexp": "a"}],
        "fail_if_header_not_matches": [{"header": "X", "regexp": "b", "allow_missing": True}],
    }
    forbidden, wanted = config(tmp_path, rules).expect.headers["X"]
    assert (forbidden.matches_not.text, forbidden.allow_missing) == ("a", False)
    assert (wanted.matches.text, wanted.allow_missing) == ("b", True)


def test_proxies_are_read(tmp_path: Path) -> None:
    http = {
        "proxy_url": "http://us%40er:s3cret@proxy.example:3128",
        "no_proxy": "a.example,10.0.0.0/8",
        "proxy_connect_header": {"X": ["1", "2"]},
        "skip_resolve_phase_with_proxy": True,
    }
    proxy = config(tmp_path, http).proxy
    assert (proxy.url, proxy.except_, proxy.resolves) == (
        "http://proxy.example:3128",
        ("a.example", "10.0.0.0/8"),
        True,
    )
    assert proxy.basic_auth.username.reveal() == "us@er"
    assert config(tmp_path, {"proxy_url": "http://proxy.example"}).proxy.resolves is False
    assert config(tmp_path, {"proxy_from_environment": True}).proxy.from_environment


def test_tokens_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    oauth2 = {
        "client_id": "watch",
        "client_secret_file": "secret",
        "token_url": "https://issuer.example/token",
        "scopes": ["read"],
        "endpoint_params": {"audience": "api"},
        "tls_config": {"insecure_skip_verify": True, "min_version": "TLS13"},
        "proxy_url": "http://proxy.example:3128",
    }
    made = config(tmp_path, {"oauth2": oauth2}).oauth2
    assert (made.client_secret.reveal(), made.scopes) == ("s3cret", ("read",))
    assert (made.tls.insecure_skip_verify, made.tls.min_version) == (True, "1.3")
    assert made.proxy.url == "http://proxy.example:3128"


def test_expressions_in_cel_are_read(tmp_path: Path) -> None:
    http = {"fail_if_body_json_matches_cel": "body.a == 1", "fail_if_body_json_not_matches_cel": "body.b == 2"}
    made = config(tmp_path, http)
    assert (made.expect.cel.text, made.expect.cel_not.text) == ("body.b == 2", "body.a == 1")
    assert made.max_body == 64 << 20


def test_versions_are_read(tmp_path: Path) -> None:
    http = {
        "valid_http_versions": ["HTTP/1.1", "HTTP/2.0"],
        "tls_config": {"min_version": "TLS10", "max_version": "TLS11"},
    }
    made = config(tmp_path, http)
    assert made.expect.http_version == ("1.1", "2")
    assert (made.tls.min_version, made.tls.max_version) == ("1.0", "1.1")


def test_an_empty_text_is_no_value(tmp_path: Path) -> None:
    tls = dict.fromkeys(("ca_file", "cert_file", "key_file", "server_name"), "")
    empty = dict.fromkeys(("body", "bearer_token", "proxy_url", "no_proxy", "compression", "preferred_ip_protocol"), "")
    assert config(tmp_path, {**empty, "tls_config": tls}) == config(tmp_path, {})


def test_a_number_is_a_text_where_one_is_wanted(tmp_path: Path) -> None:
    made = config(tmp_path, {"body": 1, "headers": {"X": 2}, "fail_if_body_matches_regexp": [3]})
    assert (made.body.reveal(), made.headers["X"][0].reveal(), made.expect.body_not[0].text) == (b"1", "2", "3")


def test_headers_that_the_exporter_sets_itself_are_no_fault(tmp_path: Path) -> None:
    made = config(tmp_path, {"headers": {"Connection": "close", "content-length": 0, "Transfer-Encoding": "chunked"}})
    assert made.headers == {}
    with pytest.raises(ConfigError, match="Connection is set by the watch itself"):
        config(tmp_path, {"headers": {"Connection": "Upgrade"}})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5s", 5), ("1.5s", 1.5), (".5s", 0.5), ("1m30s", 90), ("0.5h", 1800), ("1500us", 0.0015), ("30s1m", 90), (0, 0)],
)
def test_timeouts_are_written_as_go_writes_them(tmp_path: Path, written: object, seconds: float) -> None:
    path = tmp_path / "blackbox.yml"
    path.write_text(json.dumps({"modules": {"m": {"prober": "icmp", "timeout": written}}}))
    assert load(path, Kinds.installed(), {}).modules["m"].timeout.total_seconds() == seconds


@pytest.mark.parametrize("written", ["5", "5 s", "1.2.3s", "-5s", "5parsecs", ".", "9999999999999999h"])
def test_what_is_no_timeout_is_refused(tmp_path: Path, written: str) -> None:
    path = tmp_path / "blackbox.yml"
    path.write_text(json.dumps({"modules": {"m": {"prober": "icmp", "timeout": written}}}))
    with pytest.raises(ConfigError, match=r"is no duration|is longer than ten years"):
        load(path, Kinds.installed(), {})


def test_what_our_kind_refuses_is_told_at_the_key_of_the_exporter(tmp_path: Path) -> None:
    path = tmp_path / "blackbox.yml"
    path.write_text("modules:\n  jumbo: {prober: icmp, icmp: {payload_size: 70000}}\n  zone: {prober: dns}\n")
    with pytest.raises(ConfigError) as raised:
        load(path, Kinds.installed(), {})
    assert str(raised.value).splitlines() == [
        f"{path}:2:46: modules.jumbo.icmp.payload_size: is the number 70000; write 65507 or less",
        f"{path}:3:9: modules.zone.dns.query_name: is missing; add it",
    ]


REFUSED: dict[str, tuple[Mapping[str, object], str]] = {
    "HTTP/3": ({"enable_http3": True}, "wants HTTP/3, which is not spoken here; leave enable_http3 out"),
    "a compression that is not accepted": (
        {"compression": "gzip", "headers": {"Accept-Encoding": "br"}},
        "has compression: gzip, and an Accept-Encoding that does not take it",
    ),
    "a compression that is none": ({"compression": "zip"}, "compression"),
    "two bodies": ({"body": "a", "body_file": "blackbox.yml"}, "has a body twice"),
    "a proxy over SOCKS": ({"proxy_url": "socks5://proxy"}, "has a proxy_url that is not http"),
    "exceptions of no proxy": ({"no_proxy": "a"}, "says how to use a proxy and names none"),
    "two proxies": ({"proxy_url": "http://a", "proxy_from_environment": True}, "names a proxy beside"),
    "credentials twice": ({"bearer_token": "a", "basic_auth": {"username": "b"}}, "gives credentials twice"),
    "a version of HTTP": ({"valid_http_versions": ["HTTP/3.0"]}, "is no version of HTTP that is spoken"),
    "a version of TLS": ({"tls_config": {"min_version": "1.2"}}, "is no version of TLS"),
    "a size": ({"body_size_limit": "lots"}, "is no size"),
    "a header without an expression": ({"fail_if_header_matches": [{"header": "X"}]}, "regexp: is missing"),
    "CEL": ({"fail_if_body_json_matches_cel": "1 +"}, "is no expression of CEL: <input>:1:4: Syntax error"),
    "CEL of something else": (
        {"fail_if_body_json_matches_cel": "bdy.a == 1"},
        "is no expression of CEL: undefined variable or function: 'bdy'; the document is 'body'",
    ),
}


@pytest.mark.parametrize(("http", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused(tmp_path: Path, http: Mapping[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, http)
    assert says in str(raised.value)


ACCEPTABLE = {
    "alone": ("gzip", "gzip", True),
    "among others": ("gzip", "br;q=1.0, gzip;q=0.5", True),
    "with quality 0": ("gzip", "br, gzip;q=0", False),
    "not named": ("gzip", "br, identity", False),
    "by an asterisk": ("gzip", "*", True),
    "by an asterisk of quality 0": ("gzip", "*;q=0", False),
    "identity, always": ("identity", "gzip", True),
    "identity, forbidden": ("identity", "gzip, identity;q=0", False),
    "with a quality of words": ("gzip", "gzip;q=much", False),
}


@pytest.mark.parametrize(("encoding", "accepted", "answer"), ACCEPTABLE.values(), ids=ACCEPTABLE.keys())
def test_an_encoding_is_acceptable(encoding: str, accepted: str, *, answer: bool) -> None:
    assert acceptable(encoding, accepted) is answer


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("a.example", "http://a.example"),
        ("a.example:8080/x?q=a b", "http://a.example:8080/x?q=a%20b"),
        ("https://a.example/o k ", "https://a.example/o%20k%20"),
        ("HTTPS://a.example/", "https://a.example/"),
        ("http://joe:secret@a.example/x", "http://a.example/x"),
        ("Http://joe:secret@a.example/x", "http://a.example/x"),
        ("joe:secret@a.example/x", "http://a.example/x"),
        ("a.example:/x", "http://a.example:/x"),
    ],
)
def test_a_target_is_the_url_that_it_means_without_credentials(target: str, url: str) -> None:
    assert target_of(target) == url


@pytest.mark.parametrize("target", ["ftp://joe:secret@a.example/", "http:/joe:secret@a.example/", "x://a"])
def test_another_scheme_is_no_name_of_a_host(target: str) -> None:
    with pytest.raises(ValueError, match="its scheme is neither http:// nor https://"):
        target_of(target)
