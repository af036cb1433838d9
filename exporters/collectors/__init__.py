"""Kinds of collectors: each logs in to one sort of server and looks inside."""
