"""Sentences about pictures to start from."""

IMAGE = "A picture to start from: PNG, JPEG or WebP, up to 20 MB"
STRENGTH_OPTION = "How much of the picture is drawn anew, 0.05 to 1; 0.6 if you leave it out"
FIT = "What happens to a picture of another shape"
FITS = {
    "crop": "Crop · fill the size, cut what stands out",
    "pad": "Pad · keep all of it, with white around",
}
MASK = "A picture of the same size, light where it may change and dark where it must stay"

LOOKING = "Looking at your picture…"

IMAGE_NEEDED = {
    "strength": "Strength needs a picture to start from. Add one with the image option.",
    "fit": "Fit needs a picture to start from. Add one with the image option.",
    "mask": "A mask needs the picture it belongs to. Add that one with the image option.",
}
NOT_FETCHED = "Discord did not hand me your picture. Please send the command again."
