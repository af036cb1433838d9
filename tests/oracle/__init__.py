"""The engine once more, scalar and slow: what the vectorised one is held against.

Written from the reference alone. Raw counts of every slot lie in plain lists; a window is the sum over the slots whose
end lies in it; ratios are fractions, so that a comparison is exact. It shares nothing with the engine but the records
of slo.core.
"""

from tests.oracle.figures import Budget, Figures
from tests.oracle.judging import Oracle

__all__ = ["Budget", "Figures", "Oracle"]
