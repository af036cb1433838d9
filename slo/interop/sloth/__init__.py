"""SLOs of Sloth: files with `version: prometheus/v1`, its resource PrometheusServiceLevel, and AlertWindows.

Formats: https://github.com/slok/sloth, pkg/prometheus/api/v1, pkg/kubernetes/api/sloth/v1 and
pkg/prometheus/alertwindows/v1. What Sloth refuses is refused. Keys that it does not know are noted, since it reads
over them.
"""
