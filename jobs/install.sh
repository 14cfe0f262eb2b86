# Sourced by scripts: install what is missing (Debian, Ubuntu), let Open MPI run as root in a container.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PYTHON=${PYTHON:-/usr/bin/python3}

shinkei_packages="gcc make cmake pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libmetis-dev \
libyaml-dev libjansson-dev libxxhash-dev librandom123-dev libopenblas-dev liblapacke-dev libcmocka-dev \
python3 python3-numpy python3-h5py python3-matplotlib python3-yaml"

# shinkei_install PACKAGE ...: install those that are missing, asking for nothing.
shinkei_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
# shellcheck disable=SC2086
shinkei_install $shinkei_packages
