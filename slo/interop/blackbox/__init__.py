"""blackbox.yml as it is: modules of the blackbox exporter become configurations of our own kinds.

Format: https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md. For each prober there is a module
here with its options (`Options`), the kind that does the same (`KIND`), and how a target is written (`target_of`).
"""

from slo.interop.blackbox.modules import read_modules

__all__ = ["read_modules"]
