"""Stands in for Datadog as a process of its own."""

from slo.demo.vendors.datadog.standin import main

main()
