"""What runs on the service threads, and what they tell the step thread.

Nothing here is called on the step thread, but for what makes a `Preparer` and an `Enlarger`.
"""
