"""The Discord bot: parses what members ask, decides who may, stores it, and delivers the pictures."""
