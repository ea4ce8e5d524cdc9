"""Reading the lists, areas and borders that submissions are made of and checked against."""
