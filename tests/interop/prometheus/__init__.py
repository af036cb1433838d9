"""The rules that we write, judged by promtool."""
