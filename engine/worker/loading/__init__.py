"""Models from files to the device: what is read, what fits, what stays in memory, what is proven of its UNet."""
