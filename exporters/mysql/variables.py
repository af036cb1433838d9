"""SHOW GLOBAL VARIABLES as metrics."""

import re
from collections.abc import Iterator, Mapping

from exporters.mysql.values import Numbers, Series, labels
from slo.core.sample import NO_LABELS, Sample

PREFIX = "mysql_global_variables_"

_CACHE = re.compile(r"gcache\.size = (\d{1,15})([KMGT]?)(?:;|$)", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def series_of(name: str) -> Series:
    """The metric of a variable."""
    return PREFIX + name, NO_LABELS


def samples(variables: Mapping[str, str], numbers: Numbers) -> Iterator[Sample]:
    """The variables that are numbers, which are of `series_of`, and some that are told as labels."""
    yield from numbers.samples(variables)
    told = ("innodb_version", "version", "version_comment")
    yield Sample("mysql_version_info", 1.0, labels(**{name: variables.get(name) for name in told}))
    if cluster := variables.get("wsrep_cluster_name"):
        yield Sample("mysql_galera_variables_info", 1.0, labels(wsrep_cluster_name=cluster))
    if options := variables.get("wsrep_provider_options"):
        yield Sample("mysql_galera_gcache_size_bytes", cache_bytes(options))
    if level := variables.get("transaction_isolation") or variables.get("tx_isolation"):
        yield Sample("mysql_transaction_isolation", 1.0, labels(level=level))


def cache_bytes(options: str) -> float:
    """The size of Galera's cache of write sets, out of the options of its provider; 0 where they do not tell."""
    found = _CACHE.search(options)
    return float(int(found[1]) * _UNITS[found[2]]) if found else 0.0
