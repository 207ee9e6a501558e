"""One task for each job: its message from the queue to the pictures, wherever it can be written; and what the owner is told."""
