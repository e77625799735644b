# SPDX-License-Identifier: MIT
"""The recipe for Conan 2, from the root of the tree: `conan create packaging/conan -s compiler.cppstd=20`.

The options idx, safetensors and onnx bring what these components need; core needs Eigen alone.
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class ShallowConan(ConanFile):
    name = "shallow"
    description = "Small dense neural networks over Eigen matrices, header-only C++20"
    license = "MIT"
    url = homepage = "https://github.com/shallow-nn/shallow"
    topics = ("neural-network", "machine-learning", "eigen", "header-only")
    package_type = "header-library"
    implements = ["auto_header_only"]
    no_copy_source = True
    settings = "os", "arch", "compiler", "build_type"
    options = {"idx": [True, False], "safetensors": [True, False], "onnx": [True, False]}
    default_options = {"idx": False, "safetensors": False, "onnx": False}

    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._root(), "include", "shallow", "version.hpp"))
        self.version = ".".join(re.findall(r"#define SHALLOW_VERSION_\w+ (\d+)", text))

    def export_sources(self):
        copy(self, "LICENSE", self._root(), self.export_sources_folder)
        copy(self, "include/*", self._root(), self.export_sources_folder)

    def layout(self):
        basic_layout(self, src_folder=".")

    def requirements(self):
        self.requires("eigen/[>=3.4.0 <6]", transitive_headers=True)
        if self.options.idx:
            self.requires("zlib/[>=1.2.11 <2]", transitive_headers=True)
        if self.options.safetensors:
            self.requires("nlohmann_json/[>=3.10 <4]", transitive_headers=True)
        if self.options.onnx:
            self.requires("protozero/[>=1.7 <2]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "shallow")
        self.cpp_info.set_property("cmake_config_version_compat", "SameMinorVersion")
        self._component("shallow", "eigen::eigen")
        self.cpp_info.components["shallow"].set_property("pkg_config_name", "shallow")
        if self.options.idx:
            self._component("idx", "shallow", "zlib::zlib")
        if self.options.safetensors:
            self._component("safetensors", "shallow", "nlohmann_json::nlohmann_json")
        if self.options.onnx:
            self._component("onnx", "shallow", "protozero::protozero")

    def _component(self, name, *requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", f"shallow::{name}")
        component.requires = list(requires)
        component.bindirs = []
        component.libdirs = []
