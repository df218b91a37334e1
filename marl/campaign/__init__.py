"""Campaigns: many trainings that together are evidence, and a small summary of each."""
