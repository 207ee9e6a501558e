"""How well the safety gate does on what pocket draws: `python -m tests.gate_report`."""
