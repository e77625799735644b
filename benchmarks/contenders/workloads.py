# SPDX-License-Identifier: MIT
"""The workloads of workloads.hpp for the contenders in Python: data, starts, orders, and how a contender reports.

One column a sample there is one row a sample here, which is the same memory: (m x n_x), C order.
"""

import gzip
import math
import sys
import time

import numpy as np
from numpy.random import RandomState

FOLDER = '/usr/share/datasets/fashion-mnist/'
BATCHES = ('W2/32', 'W2/128', 'W2/1024', 'W2/full')


def start(seed, widths, scales, dtype):
    """W[1], W[2], ..., each (n_l x n_{l-1}); the biases begin at zero."""
    random = RandomState(seed)
    return [np.ascontiguousarray(random.randn(n, k) * s, dtype)
            for k, n, s in zip(widths, widths[1:], scales)]


class W1:
    """2-4-1 tanh/sigmoid on the flower, full batch gradient descent."""

    iterations = 10_000
    learning_rate = 1.2
    widths = (2, 4, 1)

    @staticmethod
    def start(dtype):
        return start(2, W1.widths, (0.01, 0.01), dtype)

    @staticmethod
    def samples(dtype):
        random, n = RandomState(1), 200
        X, Y = np.empty((2 * n, 2)), np.repeat([[0.0], [1.0]], n, axis=0)
        for label in range(2):
            t = np.linspace(3.12 * label, 3.12 * (label + 1), n) + 0.2 * random.randn(n)
            r = 4.0 * np.sin(4.0 * t) + 0.2 * random.randn(n)
            X[label * n:(label + 1) * n] = np.column_stack((r * np.sin(t), r * np.cos(t)))
        return X.astype(dtype), Y.astype(dtype)


class W2:
    """784-128-10 ReLU/softmax on Fashion-MNIST, one epoch of plain gradient descent."""

    learning_rate = 0.1
    m = 60_000
    checked = 1_000
    widths = (784, 128, 10)

    @staticmethod
    def start(dtype):
        return start(1, W2.widths, (math.sqrt(2 / 784), math.sqrt(1 / 128)), dtype)

    @staticmethod
    def samples(dtype):
        """Pixels / 255 and labels."""
        with gzip.open(FOLDER + 'train-images-idx3-ubyte.gz') as file:
            pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(W2.m, 784)
        with gzip.open(FOLDER + 'train-labels-idx1-ubyte.gz') as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
        return np.divide(pixels, 255, dtype=dtype), labels

    @staticmethod
    def order():
        return RandomState(0).permutation(W2.m)

    @staticmethod
    def batch_size(name):
        text = name.partition('/')[2]
        return W2.m if text == 'full' else int(text)

    @staticmethod
    def check(a, labels):
        """Mean cross-entropy of probabilities a (checked x 10) for the first images."""
        chosen = a[np.arange(W2.checked), labels[:W2.checked]].astype(np.float64)
        return -np.log(chosen).mean()


class W3:
    """Inference."""

    first_x = (0.5, -0.25)
    narrow_calls = 100_000  # fewer than of workloads.hpp: the output has settled long before
    wide_calls = 10_000
    batch = 10_000

    @staticmethod
    def narrow_start(dtype):
        return start(2, W1.widths, (1, 1), dtype)


class W4:
    """8-64-64-1 tanh/tanh/linear, Adam in batches."""

    m, batch_size, epochs = 20_000, 64, 3
    learning_rate = 0.001
    widths = (8, 64, 64, 1)

    @staticmethod
    def start(dtype):
        return start(1, W4.widths, (math.sqrt(1 / 8), 0.125, 0.125), dtype)

    @staticmethod
    def samples(dtype):
        X = RandomState(4).randn(8, W4.m)
        Y = np.sin(X.sum(axis=0, keepdims=True))
        return np.ascontiguousarray(X.T, dtype), np.ascontiguousarray(Y.T, dtype)

    @staticmethod
    def orders():
        random = RandomState(0)
        return [random.permutation(W4.m) for _ in range(W4.epochs)]


class W5:
    """4-32-16-4 tanh/tanh/linear, full-batch Adam."""

    m, epochs = 10_000, 100
    learning_rate = 0.0003
    widths = (4, 32, 16, 4)

    @staticmethod
    def start(dtype):
        return start(1, W5.widths, (0.5, math.sqrt(1 / 32), 0.25), dtype)

    @staticmethod
    def samples(dtype):
        X = RandomState(5).randn(4, W5.m)
        Y = np.sin(X + np.roll(X, -1, axis=0))
        return np.ascontiguousarray(X.T, dtype), np.ascontiguousarray(Y.T, dtype)


def seconds(function):
    """How long function() takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def contender(cases):
    """Main program of a contender; cases: {(name, variant): function(name) -> (seconds of one unit, check)}."""
    arguments = tuple(sys.argv[1:])
    if arguments == ('list',):
        for case in cases:
            print(*case)
    elif arguments in cases:
        time_taken, check = cases[arguments](arguments[0])
        print(f'seconds={time_taken:.9g} check={check:.9g}')
    else:
        sys.exit(f'usage: {sys.argv[0]} list | CASE VARIANT, one of the lines that list prints')
