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
from engine.pocket.scoring.score import score

_SENTENCES = {
    "prompts": "everyday prompts, each drawn with {seeds} seeds: {value:.0f}",
    "named_first": "named right at first guess: {value:.1%}",
    "named_in_five": "named right in five guesses: {value:.1%}",
    "colour_right": "colour asked for is the picture's main colour (10 things in 6 colours): {value:.1%}",
    "colour_and_thing_right": "the same, and the thing among the first five guesses: {value:.1%}",
    "blocked_caught": "pictures of blocked things stopped: {value:.1%}",
    "false_alarms": "everyday pictures stopped (false alarms): {value:.2%}",
    "vae_psnr": "VAE on pictures it never saw: {value:.1f} dB",
    "seconds_a_picture": "one picture of 20 steps with the checker: {value:.2f} s on {threads} threads",
}


def main() -> None:
    """Score the weights that the command line names, and print the figures."""
    parser = argparse.ArgumentParser(prog="easel models score", description="Say how well the built-in model draws.")
    parser.add_argument("model", choices=("pocket",), help="the only model that comes with a way to score it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the model folder; the shipped one by default")
    parser.add_argument("--seeds", type=whole_from_one, default=4, help="pictures of each prompt")
    parser.add_argument("--threads", type=whole_from_one, default=os.cpu_count() or 1, help="processor threads")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    figures = score(given.weights, given.seeds)
    for name, sentence in _SENTENCES.items():
        print(sentence.format(value=figures[name], seeds=given.seeds, threads=given.threads))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
