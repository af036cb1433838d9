"""SLOs of OpenSLO: `openslo/v1` with its seven kinds, inline and referenced, and the older `openslo/v1alpha`.

Specification: https://github.com/OpenSLO/OpenSLO. Where its text leaves a choice, what its Go SDK refuses is refused.
"""
