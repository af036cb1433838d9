"""Stands in for PagerDuty as a process of its own."""

from slo.demo.vendors.pagerduty.standin import main

main()
