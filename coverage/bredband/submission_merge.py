"""A municipality's own priorities merged with ours, within the quota, conflicts shown."""
