"""What motivates a mark: PTS's criteria that an area meets by its own numbers, in words."""
