"""Everything that is said on the bus, remembered in order."""
