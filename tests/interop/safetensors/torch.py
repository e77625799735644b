# SPDX-License-Identifier: MIT
"""Tensors of PyTorch in files, by https://github.com/huggingface/safetensors (README, "Format")."""

import json
from pathlib import Path

import numpy
import torch

TYPES = {'F32': '<f4', 'F64': '<f8'}


def load(data):
    """(tensors, metadata) in the bytes of a file."""
    length = int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:8 + length])
    metadata = header.pop('__metadata__', {})
    body = data[8 + length:]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        values = numpy.frombuffer(body[begin:end], TYPES[entry['dtype']]).reshape(entry['shape'])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, metadata


def load_file(path):
    return load(Path(path).read_bytes())[0]


def save_file(tensors, path):
    header, body = {}, b''
    for name, tensor in tensors.items():
        values = tensor.detach().numpy()
        raw = numpy.ascontiguousarray(values).tobytes()
        header[name] = {'dtype': 'F64' if values.dtype == numpy.float64 else 'F32', 'shape': list(values.shape),
                        'data_offsets': [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    Path(path).write_bytes(len(text).to_bytes(8, 'little') + text + body)
