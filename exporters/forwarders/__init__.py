"""Kinds of forwarders: the name of a file is the name of a kind. Nothing else is here."""
