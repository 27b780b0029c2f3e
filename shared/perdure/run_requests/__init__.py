"""Updates and queries of runs over Temporal, for ``perdure runs update`` and ``perdure runs query``."""
