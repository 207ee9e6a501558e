"""Prompts as what a UNet is told: tokens, embeddings, and how they are joined for one call."""
