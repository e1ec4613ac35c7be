"""What keeps an example out of a dataset, each with its reason, and what is masked in the rest."""

from tasks.dataset.guards.chain import GUARDS, guard

__all__ = ["GUARDS", "guard"]
