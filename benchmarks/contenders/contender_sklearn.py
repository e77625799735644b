#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scikit-learn's MLPClassifier and MLPRegressor, which keep float32 where the samples are.

What differs from the workloads, and what makes the checks comparable nevertheless:

- There is no way to hand over a start. So the estimator is fitted for one epoch first, which creates everything, then
  coefs_ and intercepts_ are set, and training goes on: `fit` with warm_start, which begins with a new optimiser, or
  `partial_fit` for epochs one by one, for which the old optimiser is deleted (an attribute that is not public).
- partial_fit shuffles 0, 1, ..., m - 1 with random_state: if that is a RandomState(0) object, every epoch has the order
  that the workloads ask for. (fit with several epochs would shuffle the last epoch's order again.)
- The squared error has a factor 1/2. Adam does not feel the scale of a gradient but for its epsilon, which is therefore
  half of the usual 1e-8. It stands beside the square root before the correction of the second moment, not after it.
- Training always computes the loss, and stops when it no longer improves; the latter is turned off.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import workloads
from workloads import W1, W2, W3, W4, W5


def begin(estimator, weights, X, y):
    """An estimator that has seen X and y, but stands at the weights that the workload starts from."""
    estimator.set_params(alpha=0, warm_start=True, max_iter=1, tol=0, n_iter_no_change=1_000_000_000)
    warnings.simplefilter('ignore', ConvergenceWarning)  # it is the workload that says how many epochs there are
    estimator.fit(X, y)
    estimator.coefs_ = [np.ascontiguousarray(w.T) for w in weights]
    estimator.intercepts_ = [np.zeros(len(w), w.dtype) for w in weights]
    del estimator._optimizer
    return estimator


def descent(rate, **settings):
    """Settings of plain gradient descent."""
    return dict(settings, solver='sgd', learning_rate='constant', learning_rate_init=rate, momentum=0,
                nesterovs_momentum=False)


def adam(rate, **settings):
    return dict(settings, solver='adam', learning_rate_init=rate, epsilon=0.5e-8)


def run_w1(name):
    X, Y = W1.samples(np.float64)
    y = Y.ravel().astype(int)
    net = MLPClassifier(4, activation='tanh', batch_size=len(X), shuffle=False, **descent(W1.learning_rate))
    begin(net, W1.start(np.float64), X, y)
    net.set_params(max_iter=W1.iterations)
    time = workloads.seconds(lambda: net.fit(X, y))
    a = net.predict_proba(X)
    return time / W1.iterations, -np.log(a[np.arange(len(X)), y]).mean()


def wide(batch_size=10):
    """784-128-10 at its start; ten samples are enough to create it, if every class is among them."""
    net = MLPClassifier(128, activation='relu', batch_size=batch_size, **descent(W2.learning_rate))
    return begin(net, W2.start(np.float32), np.zeros((10, 784), np.float32), np.arange(10))


def run_w2(name):
    X, labels = W2.samples(np.float32)
    net = wide()
    size = W2.batch_size(name)
    net.set_params(batch_size=size, shuffle=size < W2.m, random_state=np.random.RandomState(0))
    time = workloads.seconds(lambda: net.partial_fit(X, labels))
    return time, W2.check(net.predict_proba(X[:W2.checked]), labels)


def one_by_one(net, x, calls, output):
    """Number `output` of every call's output goes into the next call."""
    def run():
        for _ in range(calls):
            x[0, 0] = net.predict_proba(x)[0, output]

    time = workloads.seconds(run)
    return time / calls, x[0, 0]


def run_narrow(name):
    net = MLPClassifier(4, activation='tanh', **descent(1))
    begin(net, W3.narrow_start(np.float32), np.zeros((200, 2), np.float32), np.arange(200) % 2)
    return one_by_one(net, np.array([W3.first_x], np.float32), W3.narrow_calls // 10, 1)


def run_wide(name):
    return one_by_one(wide(), W2.samples(np.float32)[0][:1].copy(), W3.wide_calls, 0)


def run_batch(name):
    X, net = W2.samples(np.float32)[0][:W3.batch], wide()
    a = net.predict_proba(X)
    time = workloads.seconds(lambda: net.predict_proba(X))
    return time / W3.batch, a[:, 0].mean(dtype=np.float64)


def squared_error(net, X, Y):
    return np.sum((net.predict(X).astype(np.float64).reshape(Y.shape) - Y) ** 2) / len(X)


def run_w4(name):
    X, Y = W4.samples(np.float32)
    y = Y.ravel()
    net = MLPRegressor((64, 64), activation='tanh', **adam(W4.learning_rate, batch_size=W4.batch_size))
    begin(net, W4.start(np.float32), X, y)
    net.set_params(random_state=np.random.RandomState(0))

    def train():
        for _ in range(W4.epochs):
            net.partial_fit(X, y)

    return workloads.seconds(train) / W4.epochs, squared_error(net, X, Y)


def run_w5(name):
    X, Y = W5.samples(np.float32)
    net = MLPRegressor((32, 16), activation='tanh', **adam(W5.learning_rate, batch_size=W5.m, shuffle=False))
    begin(net, W5.start(np.float32), X, Y)
    net.set_params(max_iter=W5.epochs)
    return workloads.seconds(lambda: net.fit(X, Y)) / W5.epochs, squared_error(net, X, Y)


if __name__ == '__main__':
    workloads.contender({
        ('W1', 'double'): run_w1,
        **{(case, 'float'): run_w2 for case in workloads.BATCHES},
        ('W3/narrow', 'float'): run_narrow,
        ('W3/wide', 'float'): run_wide,
        ('W3/batch', 'float'): run_batch,
        ('W4', 'float'): run_w4,
        ('W5', 'float'): run_w5,
    })
