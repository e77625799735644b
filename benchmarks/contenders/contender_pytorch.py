#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""PyTorch from Python, float, one thread: nn.Sequential, torch.optim, the cross-entropies from logits."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import workloads
from workloads import W1, W2, W3, W4, W5

torch.set_num_threads(1)


def begin(weights, hidden, *output):
    """Linear layers with these weights and `hidden` between them, then the modules of `output`."""
    modules = []
    for w in weights:
        linear = nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.zero_()
        modules += [linear, hidden()]
    return nn.Sequential(*modules[:-1], *output)


def tensors(samples):
    return [torch.from_numpy(array) for array in samples]


def step(net, optimizer, loss, x, y):
    optimizer.zero_grad(set_to_none=True)
    loss(net(x), y).backward()
    optimizer.step()


def run_w1(name):
    X, Y = tensors(W1.samples(np.float32))
    net = begin(W1.start(np.float32), nn.Tanh)
    optimizer = torch.optim.SGD(net.parameters(), lr=W1.learning_rate)
    loss = nn.BCEWithLogitsLoss()

    def train():
        for _ in range(W1.iterations):
            step(net, optimizer, loss, X, Y)

    time = workloads.seconds(train)
    with torch.inference_mode():
        return time / W1.iterations, loss(net(X).double(), Y.double()).item()


def run_w2(name):
    X, labels = tensors(W2.samples(np.float32))
    order, batch_size = torch.from_numpy(W2.order()), W2.batch_size(name)
    net = begin(W2.start(np.float32), nn.ReLU)
    optimizer = torch.optim.SGD(net.parameters(), lr=W2.learning_rate)
    loss = nn.CrossEntropyLoss()

    def train():
        if batch_size == W2.m:  # has no order
            step(net, optimizer, loss, X, labels)
            return
        for indices in order.split(batch_size):
            step(net, optimizer, loss, X.index_select(0, indices), labels.index_select(0, indices))

    time = workloads.seconds(train)
    with torch.inference_mode():
        a = functional.softmax(net(X[:W2.checked]).double(), dim=1)
    return time, W2.check(a.numpy(), labels.numpy())


def one_by_one(net, x, calls):
    with torch.inference_mode():
        def run():
            for _ in range(calls):
                x[0, 0] = net(x)[0, 0]

        time = workloads.seconds(run)
    return time / calls, x[0, 0].item()


def run_narrow(name):
    net = begin(W3.narrow_start(np.float32), nn.Tanh, nn.Sigmoid())
    return one_by_one(net, torch.tensor([W3.first_x]), W3.narrow_calls)


def wide():
    return begin(W2.start(np.float32), nn.ReLU, nn.Softmax(dim=1))


def run_wide(name):
    return one_by_one(wide(), tensors(W2.samples(np.float32))[0][:1].clone(), W3.wide_calls)


def run_batch(name):
    X, net = tensors(W2.samples(np.float32))[0][:W3.batch], wide()
    with torch.inference_mode():
        a = net(X)
        time = workloads.seconds(lambda: net(X))
    return time / W3.batch, a[:, 0].double().mean().item()


def run_adam(W, name):
    """W4 and W5: the squared error is summed over the outputs, where MSELoss takes their mean."""
    X, Y = tensors(W.samples(np.float32))
    net = begin(W.start(np.float32), nn.Tanh)
    optimizer = torch.optim.Adam(net.parameters(), lr=W.learning_rate)

    def loss(a, y):
        return functional.mse_loss(a, y) * y.shape[1]

    def train():
        if W is W5:
            for _ in range(W.epochs):
                step(net, optimizer, loss, X, Y)
            return
        for order in W.orders():
            for indices in torch.from_numpy(order).split(W.batch_size):
                step(net, optimizer, loss, X.index_select(0, indices), Y.index_select(0, indices))

    time = workloads.seconds(train)
    with torch.inference_mode():
        return time / W.epochs, loss(net(X).double(), Y.double()).item()


if __name__ == '__main__':
    workloads.contender({
        ('W1', 'float'): run_w1,
        **{(case, 'float'): run_w2 for case in workloads.BATCHES},
        ('W3/narrow', 'float'): run_narrow,
        ('W3/wide', 'float'): run_wide,
        ('W3/batch', 'float'): run_batch,
        ('W4', 'float'): lambda name: run_adam(W4, name),
        ('W5', 'float'): lambda name: run_adam(W5, name),
    })
