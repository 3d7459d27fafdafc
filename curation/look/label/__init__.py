"""Marks that people give to documents, and the page on which they give them."""
