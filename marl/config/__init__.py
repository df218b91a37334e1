"""Typed configuration: YAML files and the command line, merged and parsed strictly."""
