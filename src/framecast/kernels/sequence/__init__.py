"""A layer pass over the whole sequence as one node, with its own backward."""
