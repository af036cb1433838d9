"""Stands in for Zendesk as a process of its own."""

from slo.demo.vendors.zendesk.standin import main

main()
