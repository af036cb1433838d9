"""Tests of the dashboards, by what their vendors take and by what the catalogue has."""
