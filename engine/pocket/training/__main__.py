"""Train pocket: the same command goes on where it stopped, and passes over what is finished."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from engine.pocket import WEIGHTS
from engine.pocket.training import loop
from engine.pocket.training.workshop import SHARES, Workshop

# Memory that is kept and not given back to the system makes a step a tenth faster; read by the allocator at its start.
_ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "20000000000"}


def main() -> None:
    given = _arguments()
    if not os.environ.keys() >= _ALLOCATOR.keys():
        os.execve(
            sys.executable, [sys.executable, "-m", "engine.pocket.training", *sys.argv[1:]], os.environ | _ALLOCATOR
        )
    torch.set_num_threads(given.threads)
    workshop = Workshop(given.work_dir, given.device, given.start_from)
    # A model that is trained further keeps its latents, and so its encoder, and what its words mean.
    names = given.only or [name for name in SHARES if name not in ("vae", "clip") or not given.start_from]
    planned = sum(SHARES[name] for name in names)
    for name in names:
        if loop.finished(given.work_dir / name):
            continue
        if name == "checker" and not (given.work_dir / "generated.pt").exists():
            workshop.generate(each=3)
        loop.run(workshop.part(name), given.work_dir / name, given.minutes * 60 * SHARES[name] / planned)
    if given.export or not given.only:
        workshop.export(given.output)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.pocket.training", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="time for the parts together")
    parser.add_argument("--work-dir", type=Path, default=Path(".training"), help="checkpoints, caches, sample sheets")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="the model folder to write")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processor threads")
    parser.add_argument("--only", nargs="+", choices=tuple(SHARES), help="these parts alone, and no export")
    parser.add_argument("--start-from", type=Path, help="a trained model folder to train further")
    parser.add_argument("--export", action="store_true", help="export after --only, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
