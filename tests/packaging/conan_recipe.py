# SPDX-License-Identifier: MIT
"""Runs packaging/conan/conanfile.py without Conan: conan_recipe.py <folder for the package>.

What the recipe imports is replaced by the little of it that the recipe uses, done on the tree at hand. Fails unless the
recipe agrees with version.hpp and headers.cmake, exports and packages every header, and names the targets as CMake does.
"""

import fnmatch
import importlib.util
import pathlib
import re
import shutil
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = pathlib.Path(sys.argv[1]).resolve()


def expect(what, expected, given):
    if expected != given:
        sys.exit(f"conanfile.py: {what}: expected {expected}, given {given}")


class CppInfo:
    def __init__(self):
        self.properties = {}
        self.requires = []

    def set_property(self, name, value):
        self.properties[name] = value


class PackageInfo(CppInfo):
    def __init__(self):
        super().__init__()
        self.components = Components()


class Components(dict):
    def __missing__(self, name):
        self[name] = CppInfo()
        return self[name]


class ConanFile:
    def __init__(self):
        self.cpp_info = PackageInfo()
        self.required = []

    def requires(self, reference, **traits):
        self.required.append((reference.split("/")[0], traits))


def copy(_, pattern, source, target):
    # What stands before the first "*" is enough: elsewhere, below build/, other tests remove what is being looked at.
    start = pathlib.Path(source, pattern.partition("*")[0])
    for path in [start] if start.is_file() else start.rglob("*"):
        if path.is_file() and fnmatch.fnmatch(path.relative_to(source).as_posix(), pattern):
            to = pathlib.Path(target) / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def load(_, path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


module("conan", ConanFile=ConanFile)
module("conan.tools")
module("conan.tools.files", copy=copy, load=load)
module("conan.tools.build", check_min_cppstd=lambda _, standard: expect("C++", 20, standard), can_run=None)
module("conan.tools.layout", basic_layout=lambda recipe, src_folder: expect("src_folder", ".", src_folder))
module("conan.tools.cmake", CMake=None, cmake_layout=None)


def imported(path):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    result = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    return result


def headers(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*.hpp"))


def run(recipe_class, **options):
    recipe = recipe_class()
    recipe.options = types.SimpleNamespace(**{**recipe_class.default_options, **options})
    recipe.recipe_folder = str(ROOT / "packaging" / "conan")
    recipe.export_sources_folder = recipe.source_folder = str(PACKAGE / "source")
    recipe.package_folder = str(PACKAGE / "package")
    recipe.set_version()
    recipe.export_sources()
    recipe.layout()
    recipe.requirements()
    recipe.validate()
    recipe.package()
    recipe.package_info()
    return recipe


sys.dont_write_bytecode = True
shutil.rmtree(PACKAGE, ignore_errors=True)
recipe_class = imported(ROOT / "packaging" / "conan" / "conanfile.py").ShallowConan
imported(ROOT / "packaging" / "conan" / "test_package" / "conanfile.py")

listed = (ROOT / "cmake" / "headers.cmake").read_text(encoding="utf-8")
components = re.search(r"SHALLOW_COMPONENTS ([\w ]+)", listed)[1].split()
expect("options", components, list(recipe_class.options))

version_hpp = (ROOT / "include" / "shallow" / "version.hpp").read_text(encoding="utf-8")
core = run(recipe_class)
expect("version", ".".join(re.findall(r"VERSION_[A-Z]+ (\d+)", version_hpp)), core.version)
expect("headers", headers(ROOT / "include"), headers(PACKAGE / "package" / "include"))
expect("licence", True, (PACKAGE / "package" / "licenses" / "LICENSE").is_file())
expect("requirements of the core", ["eigen"], [name for name, _ in core.required])
expect("components of the core", ["shallow"], list(core.cpp_info.components))

# As the library's own files for CMake have it.
rule = re.search(r"COMPATIBILITY (\w+)", (ROOT / "cmake" / "install.cmake").read_text(encoding="utf-8"))[1]
expect("versions that serve a request", rule, core.cpp_info.properties["cmake_config_version_compat"])

everything = run(recipe_class, **dict.fromkeys(components, True))
expect("components", ["shallow", *components], list(everything.cpp_info.components))
brought = {name for name, _ in everything.required}
for name, component in everything.cpp_info.components.items():
    expect(f"target of {name}", f"shallow::{name}", component.properties["cmake_target_name"])
    for needed in component.requires:
        expect(f"{name} needs {needed}, which is required", True, needed == "shallow" or needed.split("::")[0] in brought)
for name, traits in everything.required:
    expect(f"headers of {name} are passed on", True, traits.get("transitive_headers"))
print(f"conanfile.py: {core.version}, {len(headers(ROOT / 'include'))} headers, components {', '.join(components)}")
