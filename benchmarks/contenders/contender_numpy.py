#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""NumPy, as somebody writes it who knows it well: every array is allocated once, every step works in place.

All parameters lie in one vector, so that Adam is a dozen calls however many layers there are. The loss itself is not
computed while training; most other contenders do compute it.
"""

import numpy as np

import workloads
from workloads import W1, W2, W3, W4, W5


class Buffers:
    """What a pass over m samples needs: inputs, activations and dJ/dZ of every layer, one row a sample."""

    def __init__(self, m, widths, dtype):
        self.ones = np.ones(m, dtype)
        self.A = [np.empty((m, n), dtype) for n in widths]
        self.dZ = [np.empty((m, n), dtype) for n in widths]
        self.row = np.empty((m, 1), dtype)


class Network:
    """Layers of tanh or ReLU, and an output of its own kind: sigmoid, softmax or linear."""

    def __init__(self, weights, hidden, output):
        self.dtype = weights[0].dtype.type
        self.widths = [weights[0].shape[1]] + [len(w) for w in weights]
        self.hidden, self.output = hidden, output
        self.parameters, self.W, self.b = self.block()
        self.gradient, self.dW, self.db = self.block()
        for mine, given in zip(self.W, weights):
            mine[:] = given

    def block(self):
        """One vector, and views of it as the weights and biases of every layer."""
        shapes = list(zip(self.widths[1:], self.widths))
        vector = np.zeros(sum(n * k + n for n, k in shapes), self.dtype)
        W, b, begin = [], [], 0
        for n, k in shapes:
            W.append(vector[begin:begin + n * k].reshape(n, k))
            b.append(vector[begin + n * k:begin + n * k + n])
            begin += n * k + n
        return vector, W, b

    def forward(self, X, s):
        """Activations of the last layer; X (m x n_x), s: Buffers for m samples."""
        A, one = X, self.dtype(1)
        last = len(self.W) - 1
        for i, (W, b) in enumerate(zip(self.W, self.b)):
            A = np.dot(A, W.T, out=s.A[i + 1])
            A += b
            if i < last:
                np.tanh(A, out=A) if self.hidden == 'tanh' else np.maximum(A, 0, out=A)
        if self.output == 'sigmoid':
            np.negative(A, out=A)
            np.exp(A, out=A)
            A += one
            np.divide(one, A, out=A)
        elif self.output == 'softmax':
            A -= np.amax(A, axis=1, keepdims=True, out=s.row)
            np.exp(A, out=A)
            A /= np.sum(A, axis=1, keepdims=True, out=s.row)
        return A

    def backward(self, X, Y, s, scale):
        """The gradient, times scale, of a pass forward with X: dZ of the last layer is A - Y for every output here."""
        one = self.dtype(1)
        dZ = np.subtract(s.A[-1], Y, out=s.dZ[-1])
        dZ *= self.dtype(scale / len(X))
        for i in range(len(self.W) - 1, -1, -1):
            A = s.A[i] if i else X
            np.dot(dZ.T, A, out=self.dW[i])
            np.dot(s.ones, dZ, out=self.db[i])
            if i:
                dZ = np.dot(dZ, self.W[i], out=s.dZ[i])
                if self.hidden == 'tanh':
                    np.multiply(A, A, out=A)
                    np.subtract(one, A, out=A)
                    dZ *= A
                else:
                    dZ *= np.greater(A, 0, out=A)

    def gradient_step(self, X, Y, s, rate):
        self.forward(X, s)
        self.backward(X, Y, s, rate)
        self.parameters -= self.gradient


class Adam:
    """The optimiser, as Kingma and Ba have it; its moments and two vectors of workspace."""

    def __init__(self, net, rate):
        self.net, self.rate, self.t = net, rate, 0
        self.m, self.v, self.a, self.b = (np.zeros_like(net.parameters) for _ in range(4))

    def step(self):
        g, T = self.net.gradient, self.net.dtype
        self.t += 1
        self.m *= T(0.9)
        self.m += np.multiply(g, T(0.1), out=self.a)
        self.v *= T(0.999)
        np.multiply(g, g, out=self.a)
        self.v += np.multiply(self.a, T(0.001), out=self.a)
        np.multiply(self.v, T(1 / (1 - 0.999**self.t)), out=self.a)
        np.sqrt(self.a, out=self.a)
        self.a += T(1e-8)
        np.multiply(self.m, T(self.rate / (1 - 0.9**self.t)), out=self.b)
        self.b /= self.a
        self.net.parameters -= self.b


def run_w1(dtype):
    X, Y = W1.samples(dtype)
    net = Network(W1.start(dtype), 'tanh', 'sigmoid')
    s = Buffers(len(X), net.widths, dtype)

    def train():
        for _ in range(W1.iterations):
            net.gradient_step(X, Y, s, W1.learning_rate)

    time = workloads.seconds(train)
    a = net.forward(X, s).astype(np.float64)
    return time / W1.iterations, -np.log(np.where(Y > 0, a, 1 - a)).mean()


def wide(dtype):
    return Network(W2.start(dtype), 'relu', 'softmax')


def run_w2(name, dtype):
    X, labels = W2.samples(dtype)
    Y = np.eye(10, dtype=dtype)[labels]
    net, order, batch_size = wide(dtype), W2.order(), W2.batch_size(name)
    sizes = {batch_size, W2.m % batch_size} - {0}
    buffers = {size: Buffers(size, net.widths, dtype) for size in sizes}

    def train():
        if batch_size == W2.m:  # has no order
            net.gradient_step(X, Y, buffers[W2.m], W2.learning_rate)
            return
        for begin in range(0, W2.m, batch_size):
            indices = order[begin:begin + batch_size]
            s = buffers[len(indices)]
            x = np.take(X, indices, axis=0, out=s.A[0], mode='clip')  # 'raise' would take by way of a copy
            y = np.take(Y, indices, axis=0, out=s.dZ[-1], mode='clip')
            net.gradient_step(x, y, s, W2.learning_rate)

    time = workloads.seconds(train)
    a = net.forward(X[:W2.checked], Buffers(W2.checked, net.widths, dtype))
    return time, W2.check(a, labels)


def one_by_one(net, x, calls):
    s = Buffers(1, net.widths, net.dtype)

    def run():
        for _ in range(calls):
            x[0, 0] = net.forward(x, s)[0, 0]

    time = workloads.seconds(run)
    return time / calls, x[0, 0]


def run_narrow(dtype):
    net = Network(W3.narrow_start(dtype), 'tanh', 'sigmoid')
    return one_by_one(net, np.array([W3.first_x], dtype), W3.narrow_calls)


def run_wide(dtype):
    return one_by_one(wide(dtype), W2.samples(dtype)[0][:1].copy(), W3.wide_calls)


def run_batch(dtype):
    X, net = W2.samples(dtype)[0][:W3.batch], wide(dtype)
    s = Buffers(W3.batch, net.widths, dtype)
    net.forward(X, s)
    time = workloads.seconds(lambda: net.forward(X, s))
    return time / W3.batch, s.A[-1][:, 0].mean(dtype=np.float64)


def run_w4(dtype):
    X, Y = W4.samples(dtype)
    net = Network(W4.start(dtype), 'tanh', 'linear')
    adam = Adam(net, W4.learning_rate)
    sizes = {W4.batch_size, W4.m % W4.batch_size} - {0}
    buffers = {size: Buffers(size, net.widths, dtype) for size in sizes}

    def train():
        for order in W4.orders():
            for begin in range(0, W4.m, W4.batch_size):
                indices = order[begin:begin + W4.batch_size]
                s = buffers[len(indices)]
                x = np.take(X, indices, axis=0, out=s.A[0], mode='clip')
                y = np.take(Y, indices, axis=0, out=s.dZ[-1], mode='clip')
                net.forward(x, s)
                net.backward(x, y, s, 2)
                adam.step()

    time = workloads.seconds(train)
    return time / W4.epochs, squared_error(net, X, Y)


def run_w5(dtype):
    X, Y = W5.samples(dtype)
    net = Network(W5.start(dtype), 'tanh', 'linear')
    adam = Adam(net, W5.learning_rate)
    s = Buffers(W5.m, net.widths, dtype)

    def train():
        for _ in range(W5.epochs):
            net.forward(X, s)
            net.backward(X, Y, s, 2)
            adam.step()

    time = workloads.seconds(train)
    return time / W5.epochs, squared_error(net, X, Y)


def squared_error(net, X, Y):
    A = net.forward(X, Buffers(len(X), net.widths, net.dtype))
    return np.sum((A.astype(np.float64) - Y) ** 2) / len(X)


def cases():
    table = {}
    for variant, dtype in (('float', np.float32), ('double', np.float64)):
        table['W1', variant] = lambda name, dtype=dtype: run_w1(dtype)
        for case in workloads.BATCHES:
            table[case, variant] = lambda name, dtype=dtype: run_w2(name, dtype)
        table['W3/narrow', variant] = lambda name, dtype=dtype: run_narrow(dtype)
        table['W3/wide', variant] = lambda name, dtype=dtype: run_wide(dtype)
        table['W3/batch', variant] = lambda name, dtype=dtype: run_batch(dtype)
        table['W4', variant] = lambda name, dtype=dtype: run_w4(dtype)
        table['W5', variant] = lambda name, dtype=dtype: run_w5(dtype)
    return table


if __name__ == '__main__':
    workloads.contender(cases())
