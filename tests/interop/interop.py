#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests model files against PyTorch, NumPy and scikit-learn: interop.py PROGRAM, the program being interop.cpp's.

Networks go from here to there and back: what this library saves is read by the safetensors format's own specification
into the state_dict of an nn.Sequential, which must give the same outputs and, by automatic differentiation, the same
gradients; what PyTorch and scikit-learn know goes the other way.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import safetensors.torch
import torch
from sklearn.neural_network import MLPClassifier


def activation(text):
    name, _, setting = text.partition('(')
    return {'tanh': torch.nn.Tanh, 'sigmoid': torch.nn.Sigmoid, 'relu': torch.nn.ReLU, 'identity': torch.nn.Identity,
            'softmax': lambda: torch.nn.Softmax(dim=1),
            'leaky_relu': lambda: torch.nn.LeakyReLU(float(setting.rstrip(')')))}[name]()


def loss_of(name, net, X, Y):
    """The sum over outputs, the mean over samples."""
    if name == 'mean_squared_error':
        return ((net(X) - Y) ** 2).sum(dim=1).mean()
    logits = net[:-1](X)
    if name == 'binary_cross_entropy':
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, Y, reduction='none').sum(dim=1).mean()
    return -(Y * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


def relative(given, expected):
    if not (torch.isfinite(given).all() and torch.isfinite(expected).all()):
        return float('inf')
    return float((given - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def check_ours(folder):
    """The largest differences of outputs, gradients and J over all files, by number type."""
    worst = {torch.float32: 0.0, torch.float64: 0.0}
    paths = sorted(folder.glob('ours_*.safetensors'))
    for path in paths:
        tensors, metadata = safetensors.torch.load(path.read_bytes())
        dtype = tensors['0.weight'].dtype
        layers = []
        for l, text in enumerate(metadata['shallow.activations'].split(', ')):
            n_out, n_in = tensors[f'{2 * l}.weight'].shape
            layers += [torch.nn.Linear(n_in, n_out, dtype=dtype), activation(text)]
        net = torch.nn.Sequential(*layers)
        net.load_state_dict(tensors, strict=True)

        def matrix(ending):
            return torch.from_numpy(numpy.load(f'{path.with_suffix("")}.{ending}.npy').copy())

        X, Y = matrix('X').T, matrix('Y').T
        J = loss_of(metadata['shallow.loss'], net, X, Y)
        J.backward()
        gradient = torch.cat([p.grad.t().reshape(-1) for p in net.parameters()])
        differences = (relative(matrix('A').T, net(X).detach()), relative(matrix('gradient')[:, 0], gradient),
                       relative(matrix('J')[0, 0], J.detach()))
        worst[dtype] = max(worst[dtype], *differences)
    return len(paths), worst


def write_theirs(folder):
    for number in range(20):
        torch.manual_seed(number)
        dtype = (torch.float64, torch.float32)[number % 2]
        n = [int(k) for k in torch.randint(1, 30, (4,))]
        net = torch.nn.Sequential(torch.nn.Linear(n[0], n[1]), torch.nn.Tanh(), torch.nn.Linear(n[1], n[2]),
                                  torch.nn.LeakyReLU(0.25), torch.nn.Linear(n[2], n[3]), torch.nn.Softmax(dim=1)).to(dtype)
        X = torch.randn(17, n[0], dtype=dtype)
        stem = folder / f'torch_{number}_{str(dtype).removeprefix("torch.")}'
        safetensors.torch.save_file(net.state_dict(), stem.with_suffix('.safetensors'))
        numpy.save(f'{stem}.X.npy', X.numpy().T)
        numpy.save(f'{stem}.A.npy', net(X).detach().numpy().T)

    random = numpy.random.RandomState(0)
    X = random.randn(300, 5)
    labels = numpy.argmax(X[:, :3] + X[:, 2:], axis=1)
    classifier = MLPClassifier((12,), max_iter=2000, random_state=0).fit(X, labels)
    for name, values in (('W1', classifier.coefs_[0]), ('b1', classifier.intercepts_[0]),
                         ('W2', classifier.coefs_[1]), ('b2', classifier.intercepts_[1]), ('X', X),
                         ('A', classifier.predict_proba(X)), ('labels', classifier.predict(X))):
        numpy.save(folder / f'sklearn.{name}.npy', values)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([program, 'write', name], check=True)
        count, worst = check_ours(folder)
        print(f'{count} networks in PyTorch: outputs, gradients and losses differ by {worst[torch.float64]:.1e} '
              f'(double), {worst[torch.float32]:.1e} (float) of the largest')
        write_theirs(folder)
        theirs = subprocess.run([program, 'read', name], check=False).returncode
    return 0 if count == 50 and worst[torch.float64] <= 1e-9 and worst[torch.float32] <= 1e-4 and theirs == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
