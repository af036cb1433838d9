"""The runner: drives every check on its schedule, holds its deadline and stamps its outcome."""
