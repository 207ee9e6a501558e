"""Slash commands, one file a feature: read the options, call a use case, reply."""
