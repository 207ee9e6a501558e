"""Images from noise to pixels: which of them share a call, their steps, seeds, noise schedulers and previews."""
