"""Decontamination: search documents for the texts of evaluation items."""
