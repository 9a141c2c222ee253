# Shared by the scripts beside it: installing what is needed, configuring, building. Source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
jobs=${SLUICE_JOBS:-$(nproc)}

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages NAME…: through apt, only what is missing.
install_packages() {
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "No apt-get here. Please install the equivalents of: $*" >&2
    return 0
  fi
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "Installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build_packages=(build-essential cmake ninja-build pkg-config git ccache ca-certificates
  libthrust-dev libtbb-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
  libzmq3-dev cppzmq-dev nlohmann-json3-dev libcli11-dev libfmt-dev
  libtomlplusplus-dev libcpp-httplib-dev
  libopen3d-dev)
test_packages=(libgtest-dev libgmock-dev googletest python3 python3-dev python3-venv ffmpeg clang-format-16)
lint_packages=(clang-format-16 clang-tidy-16)

# python_environment: a virtual environment in .venv with what the Python tests read our files with,
# and with an encoder's runtime (100 MB beside NumPy's 73; seconds to install).
python_environment() {
  local python=.venv/bin/python
  if [ ! -x $python ]; then
    say "Making a Python environment in .venv"
    /usr/bin/python3 -m venv .venv
  fi
  $python -c 'import numpy, onnx, onnxruntime, pytest, safetensors, zmq' 2>/dev/null ||
    $python -m pip install --quiet --disable-pip-version-check \
      numpy onnx onnxruntime pytest safetensors pyzmq
}

# build PRESET [TARGET…]: configures and builds build/PRESET, with a compiler cache where there is one.
build() {
  local preset=$1
  shift
  local options=()
  command -v ccache >/dev/null 2>&1 && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  [ "${CI:-}" = true ] && options+=(-DSLUICE_WARNINGS_AS_ERRORS=ON)
  # As the preset `core` has it: then the compiler cache knows half of another preset's tests already.
  [ -d /usr/src/googletest ] && options+=(-DSLUICE_GTEST_SOURCE_DIR=/usr/src/googletest)
  [ -x .venv/bin/python ] && options+=("-DSLUICE_PYTHON=$root/.venv/bin/python")
  say "Configuring build/$preset"
  cmake --preset "$preset" "${options[@]}" >"/tmp/sluice-configure.$$" ||
    { cat "/tmp/sluice-configure.$$" >&2; return 1; }
  rm -f "/tmp/sluice-configure.$$"
  say "Building build/$preset on $jobs cores"
  cmake --build "build/$preset" --parallel "$jobs" ${1:+--target "$@"}
}
