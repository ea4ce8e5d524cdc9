"""The commands of submissions to PTS: validate, merge, submit."""
