"""Formulas as LaTeX, from what pages write instead."""
