"""`python -m engine.pocket.scoring`: print how well pocket draws."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from engine.command_line import whole_from_one
from engine.pocket import WEIGHTS
from engine.pocket.scoring.drawing import GUIDANCE, STEPS
from engine.pocket.scoring.score import PARTS, ScorePlan, score

SENTENCES = {
    "named_first": "everyday prompts, named right at first guess: {value:.1%}",
    "named_in_five": "named right in five guesses: {value:.1%}",
    "named_first_wide": "at 192 x 128, at first guess: {value:.1%}",
    "named_first_high": "at 128 x 192, at first guess: {value:.1%}",
    "named_first_enlarged": "enlarged to twice the sides, at first guess: {value:.1%}",
    "variety_pixels": "variety, pixels within a prompt over between prompts: {value:.2f}",
    "variety_on_white": "the same with 'on a white background': {value:.2f}",
    "silhouettes_overlap": "silhouettes of one prompt, median overlap: {value:.2f}",
    "variety_features": "variety in the namer's features: {value:.2f}",
    "vary_subtle": "Vary subtle moves a picture by so much of what Reroll does: {value:.2f}",
    "vary_strong": "Vary strong: {value:.2f}",
    "colour_right": "colour asked for is the thing's main colour: {value:.1%}",
    "colour_and_thing_right": "the same, and the thing among the first five guesses: {value:.1%}",
    "held_out_colour_right": "colour right where the training never showed it: {value:.1%}",
    "background_right": "background has the colour asked for: {value:.1%}",
    "named_in_five_wide": "at 192 x 128, in five guesses: {value:.1%}",
    "named_in_five_high": "at 128 x 192, in five guesses: {value:.1%}",
    "named_in_five_enlarged": "enlarged, in five guesses: {value:.1%}",
    "blocked_caught": "blocked things that the namer sees, stopped: {value:.1%}",
    "false_alarms": "everyday pictures stopped (false alarms): {value:.2%}",
    "blocked_caught_wide": "blocked things stopped at 192 x 128: {value:.1%}",
    "false_alarms_wide": "false alarms at 192 x 128: {value:.2%}",
    "blocked_caught_high": "blocked things stopped at 128 x 192: {value:.1%}",
    "false_alarms_high": "false alarms at 128 x 192: {value:.2%}",
    "blocked_caught_enlarged": "blocked things stopped when enlarged: {value:.1%}",
    "false_alarms_enlarged": "false alarms when enlarged: {value:.2%}",
    "counts_right": "two, three and four things counted right: {value:.1%}",
    "both_there": "of two things both there: {value:.1%}",
    "vae_psnr": "VAE on pictures it never saw: {value:.1f} dB",
    "seconds_a_picture": "one picture of {steps} steps with the checker: {value:.2f} s on {threads} threads",
}


def main() -> None:
    """Score the weights that the command line names, and print the figures."""
    parser = argparse.ArgumentParser(prog="easel models score", description="Say how well the built-in model draws.")
    parser.add_argument("model", choices=("pocket",), help="the only model that comes with a way to score it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the model folder; the shipped one by default")
    parser.add_argument("--seeds", type=whole_from_one, default=4, help="pictures of each prompt")
    parser.add_argument("--variety-seeds", type=whole_from_one, default=6, help="pictures of each prompt for variety")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="these figures alone")
    parser.add_argument("--guidance", type=float, default=GUIDANCE, help="of the text")
    parser.add_argument("--steps", type=whole_from_one, default=STEPS, help="of denoising")
    parser.add_argument("--threads", type=whole_from_one, default=os.cpu_count() or 1, help="processor threads")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    plan = ScorePlan(seeds=given.seeds, variety_seeds=given.variety_seeds, parts=given.only)
    figures = score(given.weights, plan, given.guidance, given.steps)
    for name, sentence in SENTENCES.items():
        if name in figures:
            print(sentence.format(value=figures[name], steps=given.steps, threads=given.threads))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
