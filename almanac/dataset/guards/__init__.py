"""What keeps an example out of a dataset, each with its reason, and what is masked in the rest."""

from almanac.dataset.guards.chain import GUARDS, guard

__all__ = ["GUARDS", "guard"]
