"""Reminders: who hears that nobody has answered yet. That is between us, unless somebody says otherwise."""

from collections.abc import Sequence

from slo.config.customer_keys import CustomerKeys
from slo.config.customers import told
from slo.config.entries import Entry
from slo.config.section import KindConfig
from slo.core.delivery import Action


class RemindedConfig(KindConfig):
    """What the `Config` of a kind inherits whose readers may be our own people, or a customer's."""

    reminders: bool | None = None
    """Whether reminders are told as well, as that nobody has answered: for readers on our own side. Default: yes, but
    not where `tell` of a customer names the destination, unless `what` there names `remind`."""


def without_reminders(customers: Sequence[Entry[CustomerKeys]]) -> frozenset[str]:
    """The destinations that customers read, and that nobody said should hear reminders."""
    tellings = [keys for entry in customers if entry.keys.has("tell") for keys in entry.keys.values.tell]
    asked = {name for keys in tellings if keys.what and Action.REMIND in keys.what for name in keys.destinations}
    return told(customers) - asked


def settled(config: KindConfig, *, public: bool) -> KindConfig:
    """The configuration of a destination, with what it does not say of reminders; `public` where customers read it."""
    if isinstance(config, RemindedConfig) and config.reminders is None:
        return config.model_copy(update={"reminders": not public})
    return config
