"""What the bot is about, without Discord, the ledger or the engine's workers: frozen values and functions over them."""
