"""Battles to look at: films of what happened, traces to fight them again, pages that show them."""
