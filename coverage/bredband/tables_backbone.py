"""The schemas of networks that connect places: places, stretches, single cuts."""
