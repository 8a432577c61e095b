"""Evergreen keeps tabular models in production evergreen."""
