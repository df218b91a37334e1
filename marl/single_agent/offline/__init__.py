"""Recipes for learning from experience that is there already."""
