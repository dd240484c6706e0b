"""Views of the kinds of data: which entries a student is trained on, how networks are called on them."""
