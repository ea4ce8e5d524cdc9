"""The schemas of what goes to PTS: eligible buildings, marks, the competition, submissions."""
