"""From a dataset to an adapter on offer: prepare, train, evaluate, gate."""
