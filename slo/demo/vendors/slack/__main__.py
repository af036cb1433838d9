"""Stands in for Slack as a process of its own."""

from slo.demo.vendors.slack.standin import main

main()
