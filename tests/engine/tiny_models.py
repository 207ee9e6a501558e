"""Stable Diffusion 1.x, 2.x and XL: each family's public model scaled down, with random weights, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.catalog.families import BLUEPRINTS

_UNETS: dict[str, dict[str, Any]] = {
    "sd1": {"attention_head_dim": 2, "cross_attention_dim": 32, "block_out_channels": [8, 8, 16, 16]},
    "sd2": {"attention_head_dim": [1, 1, 2, 2], "cross_attention_dim": 48, "block_out_channels": [8, 8, 16, 16]},
    "sdxl": {
        "attention_head_dim": [1, 1, 2],
        "cross_attention_dim": 32 + 48,
        "block_out_channels": [8, 8, 16],
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
    },
}
_VAE = {"block_out_channels": [8, 8, 16, 16], "layers_per_block": 1, "norm_num_groups": 4}
_WIDTH = {"CLIPTextModelWithProjection": 48}
_PADDING = {"tokenizer_2": "!"}


def build_pipeline(family: str, seed: int) -> Any:
    import diffusers
    import torch
    import transformers

    torch.manual_seed(seed)
    index = json.loads((BLUEPRINTS / family / "model_index.json").read_text("utf-8"))
    parts: dict[str, Any] = {}
    for name, value in index.items():
        if not isinstance(value, list) or value[1] is None:
            continue
        library, kind = {"diffusers": diffusers, "transformers": transformers}[value[0]], value[1]
        if name.startswith("tokenizer"):
            parts[name] = _tokenizer(_PADDING.get(name, "!" if family == "sd2" else "<|endoftext|>"))
        elif name.startswith("text_encoder"):
            width = _WIDTH.get(kind, 48 if family == "sd2" else 32)
            config = transformers.CLIPTextConfig.from_pretrained(BLUEPRINTS / family / name)
            changes = {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": 2}
            changes |= {"num_hidden_layers": 3, "projection_dim": 24, "vocab_size": 514}
            # As in the public models, the end of a prompt is found by its number, the highest of all.
            config.update(changes)
            parts[name] = getattr(library, kind)(config)
        else:
            config = dict(getattr(library, kind).load_config(BLUEPRINTS / family / name))
            config |= {"unet": _UNETS[family] | {"norm_num_groups": 4}, "vae": _VAE}.get(name, {})
            parts[name] = getattr(library, kind).from_config(config)
    parts["vae"].decoder.conv_out.weight.data *= 3  # so that pictures use the whole range of colours
    without: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    without = {} if family == "sdxl" else without
    return getattr(diffusers, index["_class_name"])(**parts, **without)


def _tokenizer(padding: str) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], pad_token=padding, model_max_length=77)


def in_one_file(folder: Path, family: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    def read(part: str) -> dict[str, Any]:
        (file,) = (folder / part).glob("*.safetensors")
        return load_file(file)

    layers = json.loads((folder / "unet" / "config.json").read_text("utf-8"))["layers_per_block"]
    unet = read("unet")
    tensors = {f"model.diffusion_model.{_unet_name(name, unet, layers)}": value for name, value in unet.items()}
    for name, value in read("vae").items():
        old = _vae_name(name)
        is_attention = ".attn_1." in old and old.endswith("weight") and ".norm." not in old
        tensors[f"first_stage_model.{old}"] = value[:, :, None, None] if is_attention else value
    if family == "sd2":
        return tensors | _open_clip(read("text_encoder"), "cond_stage_model.model.")
    first = "conditioner.embedders.0" if family == "sdxl" else "cond_stage_model"
    for name, value in read("text_encoder").items():
        tensors[f"{first}.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    return tensors | (_open_clip(read("text_encoder_2"), "conditioner.embedders.1.model.") if family == "sdxl" else {})


_UNET_NAMES = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def _unet_name(name: str, unet: dict[str, Any], layers: int) -> str:
    for new, old in _UNET_NAMES.items():
        if name.startswith(new + "."):
            return old + _renamed(name.removeprefix(new), _RESNET if ".resnets." in name else {})
    way, block, kind, index, *rest = name.split(".")
    number = int(block) * (layers + 1) + int(index)
    inner = _renamed("." + ".".join(rest), _RESNET if kind == "resnets" else {})
    if kind == "downsamplers":
        return f"input_blocks.{(int(block) + 1) * (layers + 1)}.0.op{inner.removeprefix('.conv')}"
    if kind == "upsamplers":
        place = 2 if any(key.startswith(f"up_blocks.{block}.attentions") for key in unet) else 1
        return f"output_blocks.{int(block) * (layers + 1) + layers}.{place}{inner}"
    side, number = ("input_blocks", number + 1) if way == "down_blocks" else ("output_blocks", number)
    return f"{side}.{number}.{int(kind == 'attentions')}{inner}"


def _vae_name(name: str) -> str:
    names = {"mid_block.resnets.0": "mid.block_1", "mid_block.resnets.1": "mid.block_2", "conv_norm_out": "norm_out"}
    names |= {"mid_block.attentions.0": "mid.attn_1", "group_norm": "norm", "conv_shortcut": "nin_shortcut"}
    names |= {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "samplers.0": "sample"}
    for level in range(4):
        names |= {f"down_blocks.{level}": f"down.{level}", f"up_blocks.{level}": f"up.{3 - level}"}
    return _renamed(name, names).replace(".resnets.", ".block.")


def _open_clip(encoder: dict[str, Any], prefix: str) -> dict[str, Any]:
    import torch

    names = {"embeddings.token_embedding": "token_embedding", "final_layer_norm": "ln_final"}
    names |= {"encoder.layers": "transformer.resblocks", "layer_norm1": "ln_1", "layer_norm2": "ln_2"}
    names |= {"fc1": "c_fc", "fc2": "c_proj", "self_attn": "attn"}
    tensors: dict[str, Any] = {}
    for name, value in encoder.items():
        name = name.removeprefix("text_model.")
        if name == "embeddings.position_embedding.weight":
            tensors["positional_embedding"] = value
        elif name == "text_projection.weight":
            tensors["text_projection"] = value.T.contiguous()
        elif "q_proj" in name:
            rows = [encoder[_like(encoder, name.replace("q_proj", f"{which}_proj"))] for which in "qkv"]
            tensors[_renamed(name, names).replace("q_proj.", "in_proj_")] = torch.cat(rows)
        elif "k_proj" not in name and "v_proj" not in name:
            tensors[_renamed(name, names)] = value
    return {prefix + name: value.contiguous() for name, value in tensors.items()}


def _like(tensors: dict[str, Any], name: str) -> str:
    return next(key for key in tensors if key.endswith(name))


def _renamed(name: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        name = name.replace(new, old)
    return name
