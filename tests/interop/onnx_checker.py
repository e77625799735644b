#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""onnx_checker.py FOLDER: every model of FOLDER passes ONNX's checker, shapes included."""

import sys
from pathlib import Path

import onnx

paths = sorted(Path(sys.argv[1]).glob('*.onnx'))
for path in paths:
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    dims = inferred.graph.output[0].type.tensor_type.shape.dim
    if dims[0].dim_param != 'm' or not dims[1].dim_value:
        sys.exit(f'{path}: expected an output of m rows, given {dims}')
print(f"{len(paths)} models pass ONNX's checker")
sys.exit(len(paths) != 160)
