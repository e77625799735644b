# SPDX-License-Identifier: MIT
#
# The layers of the house: a header includes only headers above it. The build, the installation and the include-order
# test all read this list.

# The core; Eigen is its only dependency.
set(SHALLOW_CORE_HEADERS
    version.hpp
    compiler.hpp
    types.hpp
    error.hpp
    engine/executor.hpp
    random.hpp
    engine/numbers.hpp
    engine/layout.hpp
    engine/targets.hpp
    finite.hpp
    each_entry.hpp
    math.hpp
    activation.hpp
    softmax.hpp
    loss.hpp
    initializer.hpp
    samples.hpp
    trainable.hpp
    engine/layer_products.hpp
    engine/tile.hpp
    engine/elementwise.hpp
    engine/layer_view.hpp
    engine/workspace.hpp
    engine/tile_pass.hpp
    engine/pass.hpp
    engine/sample_pass.hpp
    engine/stack.hpp
    layer.hpp
    network.hpp
    two_layer_net.hpp
    any_activation.hpp
    dynamic_network.hpp
    optimizer.hpp
    engine/batch.hpp
    fit_arguments.hpp
    mistakes.hpp
    step.hpp
    fit_checks.hpp
    fit_loop.hpp
    fit.hpp
    gradient_check.hpp
    metrics.hpp
    feature_scale.hpp
    preprocessing.hpp
    datasets.hpp)

# What engine/targets.hpp includes once for each processor: in this order, and of no use alone.
set(SHALLOW_ENGINE_PARTS engine/simd.inl engine/lanes.inl engine/functions.inl engine/entries.inl engine/products.inl
                         engine/dense.inl engine/loops.inl engine/columns.inl engine/engine.inl)

# Threads, readers and writers, which need the standard library alone: they belong to the core's target, not to the
# umbrella.
set(SHALLOW_IO_HEADERS
    threads.hpp
    io/file_messages.hpp
    io/open_file.hpp
    io/file_replacement.hpp
    io/file.hpp
    io/number_formats.hpp
    io/npy.hpp
    io/csv.hpp
    io/description.hpp
    io/firmware_code.hpp
    io/firmware.hpp)

# Components, each with a dependency of its own.
set(SHALLOW_COMPONENTS idx safetensors onnx)
set(SHALLOW_IDX_HEADERS io/idx.hpp)
set(SHALLOW_SAFETENSORS_HEADERS
    io/safetensors_header.hpp
    io/safetensors_file.hpp
    io/model_file.hpp
    io/safetensors.hpp
    io/checkpoint_file.hpp
    io/checkpoint.hpp)
set(SHALLOW_ONNX_HEADERS io/onnx.hpp)

# The umbrella: includes, direct or by way of others, of the whole core and nothing else.
set(SHALLOW_UMBRELLA_HEADER shallow.hpp)

set(SHALLOW_HEADERS_IN_ORDER ${SHALLOW_CORE_HEADERS} ${SHALLOW_IO_HEADERS} ${SHALLOW_IDX_HEADERS}
                             ${SHALLOW_SAFETENSORS_HEADERS} ${SHALLOW_ONNX_HEADERS} ${SHALLOW_UMBRELLA_HEADER})
