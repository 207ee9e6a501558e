"""The part of `easel bench` that needs torch: the contenders' workers, the row ceiling, models with random weights."""
