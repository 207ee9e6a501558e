"""From an interaction to plain values, and back: who asks for what, and the answer, in time and in its place."""
