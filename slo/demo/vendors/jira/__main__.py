"""Stands in for Jira as a process of its own."""

from slo.demo.vendors.jira.standin import main

main()
