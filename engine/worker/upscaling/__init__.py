"""Finished pictures made larger by networks, beside the step loop and with nothing of it but the gate."""
